"""Deploy: python -m scripts.deploy plan|apply|rollout|rollback|rotate-secrets|smoke|outputs ENV.

Exit codes: 0 done, 1 a step failed, 2 refused before anything was changed.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import command_line, environments
from scripts.deploy import actions
from scripts.deploy.actions import Verification
from scripts.deploy.secret_generation import AFTER_A_LEAK
from scripts.local_system import DEFAULT_WORK
from scripts.project import ROOT


def main(
    arguments: Sequence[str] | None = None,
    project: Path = ROOT,
    work: Path = DEFAULT_WORK,
    verification: Verification = actions.verify,
) -> int:
    """Run the action of the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    for stop_signal in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stop_signal, _raise_interrupt)

    def run_action() -> None:
        environment = environments.find(options.environment, project, work)
        match options.action:
            case "plan":
                actions.plan(environment, lock=options.lock)
            case "apply":
                actions.apply(environment, verification)
            case "rollout":
                actions.rollout(
                    environment,
                    step=options.step,
                    pause=options.pause,
                    existing_release=options.to,
                    verification=verification,
                )
            case "rollback":
                actions.rollback(environment, options.to)
            case "rotate-secrets":
                actions.rotate_secrets(environment, by=options.by)
            case "smoke":
                actions.smoke(environment)
            case "outputs":
                actions.outputs(environment)

    return command_line.run(run_action)


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.deploy", description=__doc__)
    commands = parser.add_subparsers(dest="action", required=True)

    def add(name: str, description: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("environment", help=environments.ARGUMENT_HELP)
        return command

    plan = add("plan", "save a plan and print its summary")
    add("apply", "apply the saved plan and make its release live at once")
    rollout = add("rollout", "apply the saved plan and make its release live in steps")
    rollback = add("rollback", "make a former release live again, at once")
    rotation = add("rotate-secrets", "raise the generation of the secrets in the environment's tfvars")
    add("smoke", "check what only AWS can prove, for a first deployment")
    add("outputs", "print the outputs of Terraform")
    plan.add_argument(
        "--no-lock",
        dest="lock",
        action="store_false",
        help="neither take the lock of the state nor wait for it, with reading permissions only",
    )
    rotation.add_argument(
        "--by",
        type=int,
        default=1,
        choices=(1, AFTER_A_LEAK),
        help=f"{AFTER_A_LEAK} after a leak, so that no key remains in use; 1",
    )
    rollback.add_argument(
        "--to", required=True, metavar="RELEASE", help="the release, as the version in /health"
    )
    rollout.add_argument("--to", metavar="RELEASE", help="an existing release instead of the saved plan's")
    rollout.add_argument(
        "--step", type=_percent, default=10, metavar="PERCENT", help="of the requests per step; 10"
    )
    rollout.add_argument(
        "--pause", type=_seconds, default=300, metavar="SECONDS", help="to monitor each step; 300"
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
