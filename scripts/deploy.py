"""Deploy one environment to AWS: plan it, look at the plan, apply exactly that plan.

Exit codes: 0 done, 1 Terraform failed, 2 misuse.
"""

import argparse
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import terraform


class Refused(Exception):
    """Something that only the operator can put right; the message says what and how."""


@dataclass(frozen=True)
class Deployment:
    """One environment of the project that lies in `project`."""

    environment: str
    project: Path = terraform.TERRAFORM_ROOT.parent

    def __post_init__(self) -> None:
        known = sorted(path.stem for path in self._root.glob("environments/*.tfvars") if path.stem != "local")
        if self.environment == "local":
            raise Refused("local is this machine: make run applies it.")
        if self.environment not in known:
            raise Refused(f"There is no environment {self.environment!r}. There are: {', '.join(known)}.")

    def plan(self) -> None:
        """Save what would change, together with the builds that it would deploy, and show it."""
        self._refuse_unbuilt()
        self._init()
        self._run("plan", f"-var-file=environments/{self.environment}.tfvars", f"-out={self._plan}")
        shutil.copyfile(self._manifest, self._planned_manifest)
        print(f"\nApply exactly this with: make apply ENV={self.environment}")

    def apply(self) -> None:
        """Apply the saved plan, once, and print the outputs."""
        if not self._plan.is_file() or not self._planned_manifest.is_file():
            raise Refused(f"There is no saved plan. Make one and read it: make plan ENV={self.environment}")
        self._refuse_unbuilt()
        if self._manifest.read_bytes() != self._planned_manifest.read_bytes():
            raise Refused(
                f"The functions were built again since the plan. Plan again: make plan ENV={self.environment}"
            )
        self._init()
        self._run("apply", str(self._plan))
        self._plan.unlink()
        self._planned_manifest.unlink()

    def outputs(self) -> None:
        """Print the outputs of what was applied last."""
        self._init()
        self._run("output")

    def _refuse_unbuilt(self) -> None:
        if not self._manifest.is_file():
            raise Refused("The functions are not built. Build them: make package")
        for name, built in json.loads(self._manifest.read_text())["functions"].items():
            zipped = self._manifest.parent / built["file"]
            if not zipped.is_file() or hashlib.sha256(zipped.read_bytes()).hexdigest() != built["sha256"]:
                raise Refused(
                    f"dist/{built['file']} is not the {name} that dist/manifest.json tells of. "
                    "Build again: make package"
                )

    def _init(self) -> None:
        backend = self._root / "environments" / f"{self.environment}.s3.tfbackend"
        values = backend.read_text() if backend.is_file() else ""
        bucket = re.search(r'^bucket\s*=\s*"([a-z0-9][a-z0-9.-]+)"', values, re.MULTILINE)
        if bucket is None:
            raise Refused(
                f"terraform/environments/{backend.name} names no state bucket. "
                "Make one with terraform/bootstrap and write its name there."
            )
        self._build.mkdir(exist_ok=True)
        terraform.init(str(backend), root=self._root, env=self._variables, capture=True)

    def _run(self, *args: str) -> None:
        terraform.run(*args, root=self._root, env=self._variables)

    @property
    def _variables(self) -> dict[str, str]:
        # Terraform remembers a backend in its data folder; one for each environment never mixes their states.
        return terraform.environment(TF_DATA_DIR=str(self._build / "terraform" / self.environment))

    @property
    def _root(self) -> Path:
        return self.project / "terraform"

    @property
    def _build(self) -> Path:
        return self.project / "build"

    @property
    def _plan(self) -> Path:
        return self._build / f"{self.environment}.tfplan"

    @property
    def _planned_manifest(self) -> Path:
        return self._build / f"{self.environment}.manifest.json"

    @property
    def _manifest(self) -> Path:
        return self.project / "dist/manifest.json"


def main(arguments: Sequence[str] | None = None, project: Path = Deployment.project) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(prog="deploy", description="Deploy one environment to AWS.")
    parser.add_argument("action", choices=["plan", "apply", "outputs"])
    parser.add_argument("environment", help="dev, staging or prod")
    chosen = parser.parse_args(arguments)
    try:
        deployment = Deployment(chosen.environment, project)
        {"plan": deployment.plan, "apply": deployment.apply, "outputs": deployment.outputs}[chosen.action]()
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except (terraform.TerraformFailed, terraform.TerraformMissing) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
