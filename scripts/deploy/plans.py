"""A plan that is saved, read by a person, and applied once: that plan and no other."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.environments import Environment
from scripts.errors import Refused
from scripts.progress import progress

# What no build brings back: what is in it would be gone with it.
IRREPLACEABLE = {"aws_dynamodb_table": "table", "aws_cognito_user_pool": "user pool"}

_SIGNS = {"add": "+", "change": "~", "replace": "-/+", "destroy": "-"}


@dataclass(frozen=True)
class Change:
    """What a plan does to one resource; `attributes` are those that it changes, as far as it knows."""

    what: str
    address: str
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        named = f" ({', '.join(self.attributes)})" if self.attributes else ""
        return f"  {_SIGNS[self.what]:3} {self.address}{named}"


class Plan:
    """The saved plan of an environment, and the builds that it was made for."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._file = environment.build / f"{environment.name}.tfplan"
        self._builds = environment.build / f"{environment.name}.manifest.json"
        self._dist = environment.project / "dist"

    @property
    def release(self) -> str:
        """The version of the builds in dist/. Raises Refused when they are not whole."""
        manifest = self._dist / "manifest.json"
        if not manifest.is_file():
            raise Refused("The functions are not built. Build them: make package")
        told = json.loads(manifest.read_text())
        for name, built in told["functions"].items():
            zipped = self._dist / built["file"]
            if not zipped.is_file() or hashlib.sha256(zipped.read_bytes()).hexdigest() != built["sha256"]:
                raise Refused(
                    f"dist/{built['file']} is not the {name} that dist/manifest.json tells of. "
                    "Build again: make package"
                )
        return str(told["version"])

    def save(self) -> list[Change]:
        """Save what would change, and which builds it is for. Raises Refused when a table would be lost."""
        name = self._environment.name
        if self.release.endswith(".dirty") and name in ("staging", "prod"):
            raise Refused(f"{self.release} holds changes that are in no commit. Commit, then: make package")
        self._discard()
        progress(f"Planning {name}: about a quarter of a minute")
        self._environment.init()
        self._environment.terraform(
            "plan", "-input=false", f"-var-file=environments/{name}.tfvars", f"-out={self._file}"
        )
        try:
            made = changes(self._read())
            _refuse_losses(made)
        except Refused:
            self._discard()
            raise
        shutil.copyfile(self._dist / "manifest.json", self._builds)
        return made

    def check(self) -> None:
        """Raise Refused unless there is a plan of this environment, for the builds in dist/."""
        name = self._environment.name
        if not self._file.is_file() or not self._builds.is_file():
            raise Refused(f"There is no saved plan. Make one and read it: make plan ENV={name}")
        if self.release and (self._dist / "manifest.json").read_bytes() != self._builds.read_bytes():
            raise Refused(f"The functions were built again since the plan. Plan again: make plan ENV={name}")
        progress(f"Checking the saved plan of {name}")
        self._environment.init()
        plan = self._read()
        # A plan carries the backend that it was made for: Terraform would apply it there.
        planned_for = plan["variables"]["environment"]["value"]
        if planned_for != name:
            raise Refused(f"The saved plan is one of {planned_for}. Make one of {name}: make plan ENV={name}")
        _refuse_losses(changes(plan))

    def apply(self) -> None:
        """Apply the plan that was checked, once. Raises Refused when something else was applied since."""
        self._environment.terraform("apply", "-input=false", "-no-color", str(self._file), capture=False)
        self._discard()

    def _read(self) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = json.loads(self._environment.terraform("show", "-json", str(self._file)))
        return shown

    def _discard(self) -> None:
        self._file.unlink(missing_ok=True)
        self._builds.unlink(missing_ok=True)


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """Return what a plan changes, from `terraform show -json`; reading and keeping is no change."""
    kinds: dict[tuple[str, ...], str] = {
        ("create",): "add",
        ("update",): "change",
        ("delete",): "destroy",
        ("delete", "create"): "replace",
        ("create", "delete"): "replace",
    }
    return [
        Change(kinds[actions], resource["address"], _attributes(resource["change"]))
        for resource in plan.get("resource_changes", [])
        if (actions := tuple(resource["change"]["actions"])) in kinds
    ]


def summary(made: list[Change]) -> str:
    """Return a plan as people read it: how many of each kind, and which."""
    if not made:
        return "Nothing to change."
    counts = [f"{sum(change.what == what for change in made)} to {what}" for what in _SIGNS]
    return "\n".join([f"{', '.join(counts)}:", *map(str, sorted(made, key=lambda change: change.address))])


def _attributes(change: Mapping[str, Any]) -> tuple[str, ...]:
    before, after = change["before"], change["after"]
    if not before or not after:
        return ()
    return tuple(sorted(name for name, value in after.items() if value != before.get(name)))


def _refuse_losses(made: list[Change]) -> None:
    lost = [
        f"the {IRREPLACEABLE[kind]} {change.address}"
        for change in made
        for kind in IRREPLACEABLE
        if change.what in ("destroy", "replace") and f".{kind}." in f".{change.address}"
    ]
    if lost:
        raise Refused(
            f"This plan would destroy {', '.join(lost)}, and everything in it. It was not saved. If that is "
            "meant, use Terraform itself (docs/deploy.md)."
        )
