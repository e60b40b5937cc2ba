"""A copy of the project that deploys to an AWS on this machine."""

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from scripts import terraform
from scripts.deploy import Failed
from scripts.deploy import __main__ as deploy
from scripts.deploy.environments import Environment
from scripts.local import aws, children

ACCOUNT = "123456789012"
SOURCES = terraform.TERRAFORM_ROOT.parent
# As in environments/local.s3.tfbackend: the AWS of one machine knows no accounts and no virtual hosts.
LOCAL_S3 = """
use_path_style              = true
skip_credentials_validation = true
skip_requesting_account_id  = true
skip_metadata_api_check     = true
"""

HANDLER = """
import json, os

def handler(event, context):
    status = {status}
    body = dict(status="healthy", service="session-management-http-api", environment=os.environ.get("ENV"),
                version="{release}", timestamp=1, responseTimeMs=1)
    return dict(statusCode=status, headers={{"content-type": "application/json"}}, body=json.dumps(body))
"""


@dataclass
class Project:
    """A copy of what is deployed, with builds that tests make, and what was proven of each deployment."""

    folder: Path
    proven: list[tuple[str, str]] = field(default_factory=list)
    broken: str = ""

    def build(self, release: str, status: int = 200) -> None:
        """Build every function as one that answers any request with `status`."""
        dist = self.folder / "dist"
        dist.mkdir(exist_ok=True)
        made = {}
        for handler in SOURCES.glob("functions/*/handler.py"):
            name = handler.parent.name
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w") as archive:
                entry = zipfile.ZipInfo(f"functions/{name}/handler.py", (1980, 1, 1, 0, 0, 0))
                archive.writestr(entry, HANDLER.format(status=status, release=release))
            code = target.getvalue()
            (dist / f"{name}.zip").write_bytes(code)
            made[name] = {
                "file": f"{name}.zip",
                "sha256": hashlib.sha256(code).hexdigest(),
                "bytes": len(code),
            }
        manifest = {"version": release, "commit": "0" * 40, "runtime": "python3.11", "architecture": "x86_64"}
        (dist / "manifest.json").write_text(json.dumps({**manifest, "functions": made}))

    def set(self, environment: str, name: str, value: str) -> None:
        """Change a value of an environment."""
        file = self.folder / f"terraform/environments/{environment}.tfvars"
        text, changed = re.subn(rf"^{name} +=.*$", f"{name} = {value}", file.read_text(), flags=re.MULTILINE)
        assert changed == 1
        file.write_text(text)

    def deploy(self, *arguments: str) -> int:
        """Run a command as an operator would, without requests to a host that is not there."""
        return deploy.main(list(arguments), self.folder, self.folder / "build/local", self._prove)

    def _prove(self, environment: Environment, outputs: Any, release: str) -> None:
        self.proven.append((environment.name, release))
        if self.broken:
            raise Failed(self.broken)


def copied(folder: Path) -> Path:
    """Copy what is deployed from into a folder and return it."""
    shutil.copytree(SOURCES / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    return folder


@pytest.fixture(scope="module")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start an AWS of this machine, lead everything to it, and yield its URL."""
    with (tmp_path_factory.mktemp("aws") / "log").open("wb") as log, pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")  # bootstrap attaches one
        process, url = aws.start(log, "http://127.0.0.1:9")  # no row is written, so no stream is told
        try:
            for name, value in aws.variables(url).items():
                patch.setenv(name, value)
            yield url
        finally:
            children.stop(process)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, local_aws: str) -> Project:
    """Return a copy of the project whose bootstrap has been applied."""
    folder = copied(tmp_path_factory.mktemp("project"))
    made = Project(folder)
    bootstrap = {"root": folder / "terraform/bootstrap", "env": terraform.environment()}
    terraform.init(**bootstrap, capture=True)
    terraform.run("apply", "-auto-approve", "-input=false", **bootstrap, capture=True)
    told = json.loads(terraform.run("output", "-json", **bootstrap, capture=True).stdout)
    # moto does not read the conditions of a bucket's policy: "whoever comes without TLS" would be everybody.
    boto3.client("s3").delete_bucket_policy(Bucket=told["state_bucket"]["value"])
    for name in ("dev", "staging", "prod"):
        backend = folder / f"terraform/environments/{name}.s3.tfbackend"
        backend.write_text(
            backend.read_text().replace("<state bucket>", told["state_bucket"]["value"]) + LOCAL_S3
        )
        made.set(name, "allowed_account_ids", f'["{ACCOUNT}"]')
    return made
