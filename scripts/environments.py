"""The environments: dev, staging and prod in AWS, and `local`, which `make run` runs on this machine."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from scripts import local_system, terraform, terraform_errors
from scripts.errors import PreconditionFailed
from scripts.local_system import RunningSystem
from scripts.project import ROOT

DEPLOYED = ("dev", "staging", "prod")
ARGUMENT_HELP = "dev, staging, prod, or local while make run is running"

_AWS_CONFIG = Config(connect_timeout=5, retries={"total_max_attempts": 4, "mode": "standard"})


@dataclass(frozen=True)
class Environment:
    """One environment of the project in the folder `project`; `running_system` is None for a deployed one."""

    name: str
    project: Path
    running_system: RunningSystem | None = None

    @property
    def prefix(self) -> str:
        """The prefix of the names of its functions, tables and alarms."""
        return f"session-service-{self.name}"

    @property
    def root(self) -> Path:
        """The folder of the Terraform root."""
        return self.project / "terraform"

    @property
    def build(self) -> Path:
        """The folder of generated files, such as saved plans."""
        return self.project / "build"

    def client(self, service: str, *, read_timeout: int = 20) -> Any:
        """Return a client of an AWS service in the environment's region; `read_timeout` in seconds."""
        if self.running_system:
            return local_system.aws_client(service, self.running_system.aws_url, read_timeout=read_timeout)
        region = self._read_value("aws_region", f"environments/{self.name}.tfvars")
        session: Any = boto3.Session(region_name=region)
        return session.client(service, config=_AWS_CONFIG.merge(Config(read_timeout=read_timeout)))

    def function_names(self) -> list[str]:
        """Return the sorted names in AWS of its functions; an empty list when it is not deployed."""
        pages = self.client("lambda").get_paginator("list_functions").paginate()
        names = [function["FunctionName"] for page in pages for function in page["Functions"]]
        return sorted(name for name in names if name.startswith(f"{self.prefix}-"))

    def init(self) -> None:
        """Run `terraform init` with the environment's state. Raises PreconditionFailed, TerraformFailed."""
        file = f"environments/{self.name}.s3.tfbackend"
        bucket = self._read_value("bucket", file)
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]+", bucket):
            raise PreconditionFailed(
                f"terraform/{file} names no state bucket. "
                "Create one with terraform/bootstrap and write its name there."
            )
        self._data_folder.mkdir(parents=True, exist_ok=True)
        # Terraform remembers the backend of the last init here and refuses another one.
        (self._data_folder / "terraform.tfstate").unlink(missing_ok=True)
        with self._translated_errors():
            terraform.init(str(self.root / file), root=self.root, env=self._terraform_variables, capture=True)

    def terraform(self, *arguments: str, capture: bool = True) -> str:
        """Run Terraform and return its output; without `capture` it goes to the terminal.

        Raises PreconditionFailed, TerraformFailed.
        """
        with self._translated_errors():
            result = terraform.run(*arguments, root=self.root, env=self._terraform_variables, capture=capture)
        return result.stdout or ""

    def outputs(self) -> dict[str, Any]:
        """Return the values of Terraform's outputs by name. Call init first.

        Raises PreconditionFailed when the environment is not deployed.
        """
        document = json.loads(self.terraform("output", "-json"))
        if "http_api_endpoint" not in document:
            raise PreconditionFailed(f"{self.name} is not deployed. Deploy it: make plan ENV={self.name}")
        outputs = {name: output["value"] for name, output in document.items()}
        if self.running_system:  # the declared hosts exist only in AWS
            outputs["http_api_endpoint"] = self.running_system.url
            outputs["websocket_url"] = self.running_system.websocket_url
        return outputs

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except terraform.TerraformFailed as error:
            raise (terraform_errors.translate(str(error), self.name) or error) from None

    def _read_value(self, name: str, file: str) -> str:
        """Return the string that a file of values assigns to a name, or the empty string."""
        path = self.root / file
        text = path.read_text() if path.is_file() else ""
        match = re.search(rf'^{name}\s*=\s*"([^"]*)"', text, re.MULTILINE)
        return match[1] if match else ""

    @property
    def _data_folder(self) -> Path:
        # One folder per environment: Terraform keeps the backend in it, so states cannot be mixed up.
        return self.build / "terraform" / self.name

    @property
    def _terraform_variables(self) -> dict[str, str]:
        aws = local_system.aws_variables(self.running_system.aws_url) if self.running_system else {}
        return terraform.environment(TF_DATA_DIR=str(self._data_folder), TF_WORKSPACE="default", **aws)


def find(name: str, project: Path = ROOT, work: Path = local_system.DEFAULT_WORK) -> Environment:
    """Return an environment by its name; `work` is the local system's folder.

    Raises PreconditionFailed when the environment does not exist, or is `local` and not running.
    """
    names = [
        known
        for known in (*DEPLOYED, "local")
        if (project / f"terraform/environments/{known}.tfvars").is_file()
    ]
    if name not in names:
        raise PreconditionFailed(f"There is no environment {name!r}. There are: {', '.join(names)}.")
    if name != "local":
        return Environment(name, project)
    system = local_system.find(work)
    if system is None or not system.ready:
        raise PreconditionFailed("The local system is not running. Start it: make run")
    return Environment(name, project, system)
