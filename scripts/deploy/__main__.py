"""Deploy: python -m scripts.deploy plan|apply|rollout|rollback|outputs ENV.

Exit codes: 0 done, 1 a step failed, 2 refused before anything was changed.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts import environments, local_system, terraform
from scripts.deploy import smoke
from scripts.deploy.plans import Plan, summary
from scripts.deploy.releases import Releases
from scripts.deploy.rollout import Rollout
from scripts.deploy.watch import Watch
from scripts.environments import Environment
from scripts.errors import Failed, Refused
from scripts.operate import health
from scripts.progress import progress

Proof = Callable[[Environment, Mapping[str, Any], str], None]


def prove(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Prove that a release works in an environment: smoke test, then health check. Raises Failed."""
    progress(f"Proving that {release} works in {environment.name}")
    smoke.test(environment, outputs, release)
    print(f"Smoke test: a session was opened, read, changed and ended at {outputs['http_api_endpoint']}")
    if health.main(["--url", outputs["http_api_endpoint"]]) != health.HEALTHY:
        raise Failed(f"{environment.name} is not healthy.")


def plan(environment: Environment) -> None:
    """Save a plan and show it in short."""
    saved = Plan(environment)
    made = saved.save()
    live = Releases(environment).live()
    print(f"{environment.name}: {summary(made)}")
    print(f"Live is {live or 'nothing'}; applying makes {saved.release} live.")
    print(f"Apply exactly this with: make apply ENV={environment.name}")


def apply(environment: Environment, proof: Proof = prove) -> None:
    """Apply the saved plan, make its release live all at once, and prove it."""
    saved = Plan(environment)
    release = saved.release
    saved.check()
    releases = Releases(environment)
    former = releases.live()
    saved.apply()
    releases.point(releases.versions(release))
    outputs = environment.outputs()
    try:
        proof(environment, outputs, release)
    except Failed as problem:
        back = f" To go back: make rollback ENV={environment.name} TO={former}" if former else ""
        raise Failed(f"{release} is live in {environment.name}, but: {problem}{back}") from None
    print(f"{release} is live in {environment.name}.")


def rollout(
    environment: Environment, step: int, pause: float, to: str | None = None, proof: Proof = prove
) -> None:
    """Apply the saved plan, or take a release that is there, and make it live in steps."""
    saved = Plan(environment)
    release = to or saved.release
    if to:
        environment.init()
    else:
        saved.check()
        if not Releases(environment).functions():
            print(f"{environment.name} is not deployed yet: there is nothing to shift from.")
            apply(environment, proof)
            return
    outputs = environment.outputs()
    watch = Watch(environment, outputs["http_api_id"])
    steps = Rollout(Releases(environment), watch, step=step, pause=pause)
    steps.check()
    if to is None:
        saved.apply()
    steps.run(release, lambda: proof(environment, outputs, release))
    print(f"{release} is live in {environment.name}.")


def rollback(environment: Environment, to: str) -> None:
    """Make a former release live again, all at once."""
    releases = Releases(environment)
    versions = releases.versions(to)
    newer = sorted(set(releases.now()) - set(versions))
    releases.point(versions)
    print(f"{to} is live in {environment.name}.")
    if newer:
        print(f"These were not in it and stay as they are: {', '.join(newer)}")


def main(
    arguments: Sequence[str] | None = None,
    project: Path = environments.PROJECT,
    work: Path = local_system.DEFAULT_WORK,
    proof: Proof = prove,
) -> int:
    """Do what the command line says and return the exit code."""
    chosen = _parser().parse_args(arguments)
    for asked in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _stop)
    try:
        environment = environments.find(chosen.environment, project, work)
        match chosen.action:
            case "plan":
                plan(environment)
            case "apply":
                apply(environment, proof)
            case "rollout":
                rollout(environment, chosen.step, chosen.pause, chosen.to, proof)
            case "rollback":
                rollback(environment, chosen.to)
            case "outputs":
                environment.init()
                for name, value in sorted(environment.outputs().items()):
                    print(f"{name} = {value if isinstance(value, str) else json.dumps(value, indent=2)}")
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (Failed, terraform.TerraformFailed, terraform.TerraformMissing) as failure:
        print(failure, file=sys.stderr)
        return 1
    except (ClientError, BotoCoreError) as problem:
        print(f"AWS said: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 1
    return 0


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.deploy", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    told = {
        "plan": "save what would change and show it",
        "apply": "apply the saved plan and make its release live at once",
        "rollout": "apply the saved plan and make its release live in steps",
        "rollback": "make a former release live again",
        "outputs": "print what an environment is made of",
    }
    commands = {name: actions.add_parser(name, help=text) for name, text in told.items()}
    for command in commands.values():
        command.add_argument("environment", help="dev, staging, prod, or local while make run runs")
    commands["rollback"].add_argument("--to", required=True, metavar="RELEASE", help="as /health tells it")
    rollout = commands["rollout"]
    rollout.add_argument(
        "--to", metavar="RELEASE", help="one that is there already, instead of the saved plan"
    )
    rollout.add_argument("--step", type=_percent, default=10, metavar="PERCENT", help="of the requests; 10")
    rollout.add_argument(
        "--pause", type=_seconds, default=300, metavar="SECONDS", help="after each step; 300"
    )
    return parser


def _percent(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 100")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number of seconds")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
