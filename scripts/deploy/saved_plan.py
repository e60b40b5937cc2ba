"""The saved plan: `plan` writes it, an operator reads it, and `apply` applies exactly this plan once."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from typing import Any

from scripts.command_line import report_progress
from scripts.deploy.plan_changes import Change, changes, refuse_data_loss
from scripts.environments import Environment
from scripts.errors import PreconditionFailed

LOCK_TIMEOUT = "2m"
"""How long Terraform waits while somebody else holds the lock of the state."""


class SavedPlan:
    """The saved plan of an environment, and the manifest of the zips that it was made for."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._plan_file = environment.build / f"{environment.name}.tfplan"
        self._planned_manifest = environment.build / f"{environment.name}.manifest.json"
        self._dist = environment.project / "dist"
        self._manifest = self._dist / "manifest.json"

    def release(self) -> str:
        """Return the version of the zips in dist/.

        Raises PreconditionFailed when one is missing or is not the zip in the manifest.
        """
        if not self._manifest.is_file():
            raise PreconditionFailed("The functions are not built. Build them: make package")
        manifest = json.loads(self._manifest.read_text())
        for function, entry in manifest["functions"].items():
            file = self._dist / entry["file"]
            if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]:
                raise PreconditionFailed(
                    f"dist/{entry['file']} is not the zip of {function} in dist/manifest.json. "
                    "Build again: make package"
                )
        return str(manifest["version"])

    def save(self, *, lock: bool = True) -> list[Change]:
        """Plan, save the plan and return its changes. Without `lock` the plan only reads.

        Raises PreconditionFailed when the plan would destroy data, or when the zips hold uncommitted changes
        and the environment is staging or prod. No plan is saved then.
        """
        name = self._environment.name
        release = self.release()
        if release.endswith(".dirty") and name in ("staging", "prod"):
            raise PreconditionFailed(f"{release} has uncommitted changes. Commit them, then: make package")
        self._discard()
        report_progress(f"Planning {name} (about 15 seconds)")
        self._environment.init()
        self._environment.terraform(
            "plan",
            "-input=false",
            f"-lock-timeout={LOCK_TIMEOUT}" if lock else "-lock=false",
            f"-var-file=environments/{name}.tfvars",
            f"-out={self._plan_file}",
        )
        try:
            planned = changes(self._read())
            refuse_data_loss(planned)
        except PreconditionFailed:
            self._discard()
            raise
        shutil.copyfile(self._manifest, self._planned_manifest)
        return planned

    def check(self) -> None:
        """Raise PreconditionFailed unless the plan is for this environment and the zips in dist/."""
        name = self._environment.name
        if not self._plan_file.is_file() or not self._planned_manifest.is_file():
            raise PreconditionFailed(f"There is no saved plan. Make one and read it: make plan ENV={name}")
        self.release()
        if self._manifest.read_bytes() != self._planned_manifest.read_bytes():
            raise PreconditionFailed(
                f"The functions were built again since the plan. Plan again: make plan ENV={name}"
            )
        report_progress(f"Checking the saved plan of {name}")
        self._environment.init()
        plan = self._read()
        # A plan file contains its backend: Terraform would apply it to that environment.
        planned_environment = plan["variables"]["environment"]["value"]
        if planned_environment != name:
            raise PreconditionFailed(
                f"The saved plan is for {planned_environment}. Plan {name}: make plan ENV={name}"
            )
        refuse_data_loss(changes(plan))

    def apply(self) -> None:
        """Apply the checked plan and delete it. Raises PreconditionFailed when the plan is stale."""
        self._environment.terraform(
            "apply",
            "-input=false",
            "-no-color",
            f"-lock-timeout={LOCK_TIMEOUT}",
            str(self._plan_file),
            capture=False,
        )
        self._discard()

    def _read(self) -> Mapping[str, Any]:
        plan: Mapping[str, Any] = json.loads(
            self._environment.terraform("show", "-json", str(self._plan_file))
        )
        return plan

    def _discard(self) -> None:
        self._plan_file.unlink(missing_ok=True)
        self._planned_manifest.unlink(missing_ok=True)
