"""An account of the emulator after its bootstrap, and its environments: those of a copy of the project."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts import environments, terraform
from scripts.command_line import report_progress
from scripts.project import ROOT
from tests.conformance.emulator import ACCOUNT, REGION, ROOT_USER, Credentials, Emulator
from tests.support.projects import Project

# A repository as GitHub's tokens name it:
# https://docs.github.com/en/actions/reference/openid-connect-reference#immutable-subject-claims
REPOSITORY, OWNER_ID, REPOSITORY_ID = "example/session-service", "9919", "1300192"
SUBJECT = f"repo:example@{OWNER_ID}/session-service@{REPOSITORY_ID}"

# One JSON object a line for each request of the provider and of the S3 backend.
_PROVIDER_LOG = {"TF_LOG": "JSON", "TF_LOG_CORE": "ERROR", "TF_LOG_PROVIDER": "DEBUG"}

FIRST_VALUES = {"tags": '{ Team = "first" }'}
"""Values of the first deployment of every environment, in place of those in its tfvars."""

OTHER_VALUES = {
    "tags": '{ Owner = "second" }',
    "deletion_protection": "false",
    "log_retention_days": "14",
    "max_listeners": "400",
}
"""Values of the second deployment of every environment."""


@dataclass(frozen=True)
class Account:
    """What terraform/bootstrap created, and the project whose environments belong to it."""

    emulator: Emulator
    project: Project
    deploy_roles: Mapping[str, str]
    plan_roles: Mapping[str, str]

    def deployer(self, environment: str) -> Credentials:
        """Return the credentials of a job of the GitHub environment."""
        return self.emulator.assume_role(
            self.deploy_roles[environment], f"{SUBJECT}:environment:{environment}"
        )

    def planner(self, environment: str) -> Credentials:
        """Return the credentials of a job of a pull request."""
        return self.emulator.assume_role(self.plan_roles[environment], f"{SUBJECT}:pull_request")


def bootstrap(emulator: Emulator, project: Project) -> Account:
    """Apply terraform/bootstrap as the account's root user, and enter its outputs into the environments."""
    report_progress("Applying terraform/bootstrap")
    root = project.folder / "terraform/bootstrap"
    env = terraform.environment(
        TF_DATA_DIR=str(project.folder / "build/terraform/bootstrap"),
        TF_WORKSPACE=ACCOUNT,
        **emulator.variables(ROOT_USER),
    )
    terraform.init(root=root, env=env, capture=True)
    variables = {
        "aws_region": REGION,
        "github_repository": REPOSITORY,
        "github_owner_id": OWNER_ID,
        "github_repository_id": REPOSITORY_ID,
    }
    options = [f"-var={name}={value}" for name, value in variables.items()]
    terraform.run("apply", "-auto-approve", "-no-color", *options, root=root, env=env, capture=True)
    document = json.loads(terraform.run("output", "-json", root=root, env=env, capture=True).stdout)
    outputs = {name: output["value"] for name, output in document.items()}
    for environment in environments.DEPLOYED:
        backend = project.folder / f"terraform/environments/{environment}.s3.tfbackend"
        backend.write_text(backend.read_text().replace("<state bucket>", outputs["state_bucket"]))
        project.set_variable(environment, "allowed_account_ids", f'["{ACCOUNT}"]')
    return Account(emulator, project, outputs["deploy_role_arns"], outputs["plan_role_arns"])


@dataclass
class Deployment:
    """One environment in the account. `logs` are the provider's logs of what its deployer ran."""

    account: Account
    name: str
    logs: list[Path] = field(default_factory=list)

    def make(self, command: str, *options: str) -> None:
        """Run `make COMMAND` as the deployer. Raises AssertionError with its output when it fails."""
        self._run(command, *options, env=self._deployers_variables())

    def destroy(self) -> None:
        """Destroy it as docs/deploy.md describes, after another command of it. Raises TerraformFailed."""
        options = ("-auto-approve", "-no-color", "-parallelism=20")
        with self._timed("terraform apply -destroy"):
            self._terraform("apply", "-destroy", *options, self._values, env=self._deployers_variables())

    def plan_of_pull_request(self) -> Mapping[str, Any]:
        """Return the document of `terraform show -json` of the plan that a pull request's job makes."""
        variables = self.account.emulator.variables(self.account.planner(self.name))
        self._run("plan", "--no-lock", env=variables)
        file = self.account.project.folder / f"build/{self.name}.tfplan"
        document: Mapping[str, Any] = json.loads(self._terraform("show", "-json", str(file), env=variables))
        return document

    def outputs(self) -> Mapping[str, Any]:
        """Return the values of Terraform's outputs."""
        variables = self.account.emulator.variables(self.account.deployer(self.name))
        document = json.loads(self._terraform("output", "-json", env=variables))
        return {name: output["value"] for name, output in document.items()}

    def set_values(self, values: Mapping[str, str]) -> None:
        """Set values in its tfvars, written as in Terraform."""
        file = self.account.project.folder / f"terraform/environments/{self.name}.tfvars"
        for name, value in values.items():
            if not re.search(rf"^{name} +=", file.read_text(), re.MULTILINE):
                file.write_text(f"{file.read_text()}\n{name} = null\n")
            self.account.project.set_variable(self.name, name, value)

    @property
    def _values(self) -> str:
        return f"-var-file=environments/{self.name}.tfvars"

    def _deployers_variables(self) -> dict[str, str]:
        """Return the environment variables of a new job of the deployer, with a log of its own."""
        self.logs.append(self.account.emulator.work / f"{self.name}-{len(self.logs)}.jsonl")
        credentials = self.account.deployer(self.name)
        return (
            self.account.emulator.variables(credentials) | {"TF_LOG_PATH": str(self.logs[-1])} | _PROVIDER_LOG
        )

    def _run(self, command: str, *options: str, env: Mapping[str, str]) -> None:
        arguments = [str(self.account.project.folder), command, self.name, *options]
        with self._timed(f"make {command}"):
            process = subprocess.run(
                [sys.executable, "-m", "tests.conformance.deployment.command", *arguments],
                env=os.environ | dict(env),
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        assert process.returncode == 0, process.stdout + process.stderr

    def _terraform(self, *arguments: str, env: Mapping[str, str]) -> str:
        folder = self.account.project.folder
        data = str(folder / f"build/terraform/{self.name}")
        variables = terraform.environment(TF_DATA_DIR=data, TF_WORKSPACE="default", **env)
        return terraform.run(*arguments, root=folder / "terraform", env=variables, capture=True).stdout

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        report_progress(f"{self.name}: {step} took {time.monotonic() - start:.0f} s")


def deploy(deployment: Deployment) -> None:
    """Deploy the first release as GitHub Actions does."""
    deployment.make("plan")
    deployment.make("apply")


def change(deployment: Deployment) -> None:
    """Deploy another release with other values, to prod in steps."""
    deployment.set_values(OTHER_VALUES)
    deployment.make("plan")
    deployment.make(*(("rollout", "--step=50", "--pause=0") if deployment.name == "prod" else ("apply",)))


def copy_build(project: Project, release: str) -> None:
    """Copy dist/ into the project as a release whose zips differ from those of others in a comment."""
    source, target = ROOT / "dist", project.folder / "dist"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    manifest = json.loads((target / "manifest.json").read_text())
    manifest["version"] = release
    for entry in manifest["functions"].values():
        file = target / entry["file"]
        with zipfile.ZipFile(file, "a") as archive:
            archive.comment = release.encode()
        entry["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        entry["bytes"] = file.stat().st_size
    (target / "manifest.json").write_text(json.dumps(manifest))
