"""The environments: their files here, their Terraform, and their AWS account.

dev, staging and prod lie in accounts of their own; `local` is what `make run` runs on this machine.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from scripts import local_system, terraform
from scripts.errors import Failed, Refused

PROJECT = terraform.TERRAFORM_ROOT.parent
DEPLOYED = ("dev", "staging", "prod")

_AWS_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 4, "mode": "standard"}
)


@dataclass(frozen=True)
class Environment:
    """One environment of the project that lies in `project`; `running` is the local system, for `local`."""

    name: str
    project: Path
    running: local_system.RunningSystem | None = None

    @property
    def prefix(self) -> str:
        """What the names of its functions, tables and alarms begin with."""
        return f"session-service-{self.name}"

    @property
    def root(self) -> Path:
        """The folder of Terraform's root."""
        return self.project / "terraform"

    @property
    def build(self) -> Path:
        """The folder of what is made for deploying."""
        return self.project / "build"

    def client(self, service: str) -> Any:
        """Return a client of an AWS service, in the environment's region."""
        if self.running:
            return local_system.aws_client(service, self.running.aws_url)
        region = self._value("aws_region", f"environments/{self.name}.tfvars")
        session: Any = boto3.Session(region_name=region)
        return session.client(service, config=_AWS_CONFIG)

    def function_names(self) -> list[str]:
        """Return the names in AWS of its functions, in order; none when nothing is deployed."""
        listed = self.client("lambda").get_paginator("list_functions").paginate()
        names = [function["FunctionName"] for page in listed for function in page["Functions"]]
        return sorted(name for name in names if name.startswith(f"{self.prefix}-"))

    def init(self) -> None:
        """Lead Terraform to the environment's state. Raises Refused when nothing says where that is."""
        file = f"environments/{self.name}.s3.tfbackend"
        bucket = self._value("bucket", file)
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]+", bucket):
            raise Refused(
                f"terraform/{file} names no state bucket. "
                "Make one with terraform/bootstrap and write its name there."
            )
        self._data.mkdir(parents=True, exist_ok=True)
        # What it remembers of its backend: without it, init takes the one that the file names now.
        (self._data / "terraform.tfstate").unlink(missing_ok=True)
        arguments = [str(self.root / file)]
        self._explained(lambda: terraform.init(*arguments, root=self.root, env=self._variables, capture=True))

    def terraform(self, *arguments: str, capture: bool = True) -> str:
        """Run Terraform and return what it said, or show it as it comes. Raises Refused, TerraformFailed."""
        said: str | None = self._explained(
            lambda: terraform.run(*arguments, root=self.root, env=self._variables, capture=capture).stdout
        )
        return said or ""

    def outputs(self) -> dict[str, Any]:
        """Return what was applied last tells, by name; init comes first. Raises Refused when nothing was."""
        told = json.loads(self.terraform("output", "-json"))
        if "http_api_endpoint" not in told:
            raise Refused(f"{self.name} is not deployed. Deploy it: make plan ENV={self.name}")
        outputs = {name: output["value"] for name, output in told.items()}
        if self.running:  # there is no such host
            outputs["http_api_endpoint"] = self.running.url
        return outputs

    def _explained(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except terraform.TerraformFailed as failure:
            raise (self._explain(str(failure)) or failure) from None

    def _explain(self, said: str) -> Refused | Failed | None:
        """Return one sentence for what operators meet, and None for what only Terraform's own words tell."""
        # Terraform frames and breaks its messages.
        said = re.sub(r"\s+", " ", re.sub(r"[│╷╵]", " ", said))
        if "Error acquiring the state lock" in said:
            lock = {key: found[1] for key in ("Who", "Created", "ID") if (found := _field(key, said))}
            return Refused(
                f"Somebody else is changing {self.name}: {lock.get('Who', 'unknown')}, since "
                f"{lock.get('Created', 'unknown')}. Nothing was changed; try again when they have finished. "
                f"If they never will: terraform force-unlock {lock.get('ID', '')}"
            )
        if "Saved plan is stale" in said:
            return Refused(
                f"{self.name} has changed since the plan was made. Plan again: make plan ENV={self.name}"
            )
        if found := re.search(r"AWS account ID not allowed: (\d+)", said):
            return Refused(
                f"These credentials are of the account {found[1]}, which "
                f"terraform/environments/{self.name}.tfvars does not allow (allowed_account_ids)."
            )
        if "No valid credential sources found" in said:
            return Refused(f"There are no AWS credentials for {self.name}: sign in first (aws sso login).")
        if "NoSuchBucket" in said or "S3 bucket does not exist" in said:
            return Refused(
                f"The state bucket that terraform/environments/{self.name}.s3.tfbackend names is not there. "
                "Make it with terraform/bootstrap."
            )
        return None

    def _value(self, name: str, file: str) -> str:
        path = self.root / file
        found = re.search(
            rf'^{name}\s*=\s*"([^"]*)"', path.read_text() if path.is_file() else "", re.MULTILINE
        )
        return found[1] if found else ""

    @property
    def _data(self) -> Path:
        # Terraform remembers a backend in its data folder; one for each environment never mixes their states.
        return self.build / "terraform" / self.name

    @property
    def _variables(self) -> dict[str, str]:
        local = local_system.aws_variables(self.running.aws_url) if self.running else {}
        return terraform.environment(TF_DATA_DIR=str(self._data), TF_WORKSPACE="default", **local)


def find(name: str, project: Path = PROJECT, work: Path = local_system.DEFAULT_WORK) -> Environment:
    """Return an environment by its name. Raises Refused for one that there is not."""
    known = [
        known
        for known in (*DEPLOYED, "local")
        if (project / f"terraform/environments/{known}.tfvars").is_file()
    ]
    if name not in known:
        raise Refused(f"There is no environment {name!r}. There are: {', '.join(known)}.")
    if name != "local":
        return Environment(name, project)
    running = local_system.find(work)
    if running is None or not running.ready:
        raise Refused("local is this machine, and nothing runs here: start it with make run")
    return Environment(name, project, running)


def _field(name: str, said: str) -> re.Match[str] | None:
    # The lock's fields follow each other: ID, Path, Operation, Who, Version, Created, Info.
    return re.search(
        rf"\b{name}: (\S.*?)(?= (?:Path|Operation|Who|Version|Created|Info):| Terraform |$)", said
    )
