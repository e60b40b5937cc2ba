"""What an operator can do to an environment: plan, apply, roll out, roll back, rotate, check, print outputs.

Each action raises PreconditionFailed before it changes anything, and StepFailed afterwards.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from scripts import health_check
from scripts.command_line import report_progress
from scripts.deploy import first_deployment, smoke_test
from scripts.deploy.monitor import CloudWatchMonitor
from scripts.deploy.plan_changes import summary
from scripts.deploy.releases import Releases, Versions
from scripts.deploy.rollout import Rollout
from scripts.deploy.saved_plan import SavedPlan
from scripts.deploy.secret_generation import AFTER_A_LEAK, raise_generation
from scripts.environments import Environment
from scripts.errors import PreconditionFailed, StepFailed
from scripts.health_check import Status

Verification = Callable[[Environment, Mapping[str, Any], str], None]
"""A function that raises StepFailed unless the release works in the environment with these outputs."""


def verify(environment: Environment, outputs: Mapping[str, Any], release: str) -> None:
    """Run the smoke test and the health check. Raises StepFailed."""
    url = outputs["http_api_endpoint"]
    report_progress(f"Verifying {release} in {environment.name}")
    smoke_test.run(environment, outputs, release)
    print(f"Smoke test passed: created, read, changed and ended a session at {url}, and notified a listener")
    report = health_check.check(url)
    print(report)
    if report.worst.status != Status.HEALTHY:
        raise StepFailed(f"{environment.name} is not healthy.")


def plan(environment: Environment, *, lock: bool = True) -> None:
    """Save a plan and print its summary. Without `lock` only reading permissions are needed."""
    saved_plan = SavedPlan(environment)
    changes = saved_plan.save(lock=lock)
    live_release = Releases(environment).live_release()
    print(f"{environment.name}: {summary(changes)}")
    print(f"Live is {live_release or 'nothing'}; applying makes {saved_plan.release()} live.")
    print(f"Apply exactly this plan: make apply ENV={environment.name}")


def apply(environment: Environment, verification: Verification = verify) -> None:
    """Apply the saved plan, make its release live at once, and verify it."""
    saved_plan = SavedPlan(environment)
    release = saved_plan.release()
    saved_plan.check()
    releases = Releases(environment)
    former_release, former_versions = releases.live_release(), releases.live_versions()
    saved_plan.apply()
    releases.make_live(releases.versions(release))
    try:
        verification(environment, environment.outputs(), release)
    except StepFailed as failure:
        message = f"{release} is live in {environment.name}, but: {failure}"
        if releases.precede_rotation(former_versions):
            message += f" {_has_former_secrets(environment, former_release)}"
        elif former_release:
            message += f" To roll back: make rollback ENV={environment.name} TO={former_release}"
        raise StepFailed(message) from None
    print(f"{release} is live in {environment.name}.")


def rollout(
    environment: Environment,
    *,
    step: int,
    pause: float,
    existing_release: str | None = None,
    verification: Verification = verify,
) -> None:
    """Make a release live in steps: an existing one, or the one of the saved plan, which is applied first.

    Raises PreconditionFailed for an existing release that is older than the last rotation of the secrets.
    """
    saved_plan = SavedPlan(environment)
    releases = Releases(environment)
    if existing_release:
        _versions_to_activate(releases, environment, existing_release)
        environment.init()
        environment.outputs()
    else:
        saved_plan.check()
        if not releases.functions():
            print(f"{environment.name} is not deployed yet, so there is no release to shift requests from.")
            apply(environment, verification)
            return
    release = existing_release or saved_plan.release()
    gradual = Rollout(releases, CloudWatchMonitor(environment), step=step, pause=pause)
    gradual.check()
    if not existing_release:
        saved_plan.apply()
    # The outputs are read now, because a former apply that was interrupted may have left only some of them.
    gradual.run(release, lambda: verification(environment, environment.outputs(), release))
    print(f"{release} is live in {environment.name}.")


def rollback(environment: Environment, release: str) -> None:
    """Make a former release live again, at once.

    Raises PreconditionFailed when it is older than the last rotation of the secrets.
    """
    releases = Releases(environment)
    versions = _versions_to_activate(releases, environment, release)
    newer_functions = sorted(set(releases.live_versions()) - set(versions))
    releases.make_live(versions)
    print(f"{release} is live in {environment.name}.")
    if newer_functions:
        print(f"Not part of that release and unchanged: {', '.join(newer_functions)}")


def rotate_secrets(environment: Environment, *, by: int) -> None:
    """Raise the generation of the secrets in the environment's tfvars. The next deployment rotates them."""
    name = environment.name
    generation = raise_generation(environment.root / f"environments/{name}.tfvars", by)
    file = f"terraform/environments/{name}.tfvars"
    print(f"secret_generation is {generation} in {file} (it was {generation - by}).")
    if by == AFTER_A_LEAK:
        print(
            "No key remains in use. While two releases run, each rejects the cursors of the other: clients "
            "get a 400 and start their list again."
        )
    else:
        print("While two releases run, each accepts the cursors of the other.")
    print(f"Commit it and deploy it before the next rotation: make package, then make plan ENV={name}")
    print("After that rollback refuses the releases of today, because their versions have the former keys.")


def smoke(environment: Environment) -> None:
    """Check what only AWS can prove, with the release that is live."""
    environment.init()
    outputs = environment.outputs()
    release = Releases(environment).live_release()
    if not release:
        raise PreconditionFailed(f"No release is live in {environment.name}.")
    first_deployment.run(environment, outputs, release)


def outputs(environment: Environment) -> None:
    """Print the outputs of Terraform."""
    environment.init()
    for name, value in sorted(environment.outputs().items()):
        print(f"{name} = {value if isinstance(value, str) else json.dumps(value, indent=2)}")


def _versions_to_activate(releases: Releases, environment: Environment, release: str) -> Versions:
    """Return the versions of an existing release. Raises PreconditionFailed when they have former secrets."""
    versions = releases.versions(release)
    if releases.precede_rotation(versions):
        raise PreconditionFailed(_has_former_secrets(environment, release))
    return versions


def _has_former_secrets(environment: Environment, release: str | None) -> str:
    return (
        f"{release} is older than the last rotation of the secrets of {environment.name}, so its versions "
        "have keys that must not be used again. To return to its code, build it with the present "
        "secret_generation and deploy that (docs/runbook.md, Rotate the secrets)."
    )
