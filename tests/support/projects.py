"""A copy of the project for deployment tests, which change, build and deploy it."""

import hashlib
import io
import json
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.deploy import __main__ as deploy
from scripts.environments import Environment
from scripts.errors import StepFailed
from scripts.local.lambda_ import launch
from scripts.project import ROOT

_HANDLER = """
import json, os

def handler(event, context):
    status = {status}
    body = dict(status="healthy", service="session-management-http-api", environment=os.environ.get("ENV"),
                version="{release}", timestamp=1, responseTimeMs=1)
    return dict(statusCode=status, headers={{"content-type": "application/json"}}, body=json.dumps(body))
"""


@dataclass
class Project:
    """A copy of the project. `verified` has the environment and the release of each verification.

    Verifications fail with the message `verification_error` unless it is empty.
    """

    folder: Path
    verified: list[tuple[str, str]] = field(default_factory=list)
    verification_error: str = ""

    def build(self, release: str, status: int = 200) -> None:
        """Write the zip of each function, which responds to any request with `status`, and the manifest."""
        dist = self.folder / "dist"
        dist.mkdir(exist_ok=True)
        functions = {}
        for handler in ROOT.glob("functions/*/handler.py"):
            name = handler.parent.name
            content = _zip(f"functions/{name}/handler.py", _HANDLER.format(status=status, release=release))
            (dist / f"{name}.zip").write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            functions[name] = {"file": f"{name}.zip", "sha256": digest, "bytes": len(content)}
        manifest = {
            "version": release,
            "commit": "0" * 40,
            "runtime": launch.RUNTIME,
            "architecture": launch.ARCHITECTURE,
        }
        (dist / "manifest.json").write_text(json.dumps({**manifest, "functions": functions}))

    def set_variable(self, environment: str, name: str, value: str) -> None:
        """Change the value of a variable in an environment's tfvars."""
        file = self.folder / f"terraform/environments/{environment}.tfvars"
        text, count = re.subn(rf"^{name} +=.*$", f"{name} = {value}", file.read_text(), flags=re.MULTILINE)
        assert count == 1
        file.write_text(text)

    def replace(self, path: str, old: str, new: str) -> None:
        """Replace a text wherever it is in a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))

    def deploy(self, *arguments: str) -> int:
        """Run a command as an operator does. The API's host does not exist, so record the verification."""
        return deploy.main(list(arguments), self.folder, self.folder / "build/local", self._verify)

    def _verify(self, environment: Environment, outputs: Any, release: str) -> None:
        self.verified.append((environment.name, release))
        if self.verification_error:
            raise StepFailed(self.verification_error)


def copy_project(folder: Path) -> Project:
    """Copy the Terraform configuration into a folder."""
    shutil.copytree(ROOT / "terraform", folder / "terraform", ignore=shutil.ignore_patterns(".terraform"))
    return Project(folder)


def _zip(name: str, text: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return target.getvalue()
