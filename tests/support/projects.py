"""A copy of the project that is deployed from, so that tests can change and build it."""

import hashlib
import io
import json
import re
import shutil
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts import terraform
from scripts.deploy import __main__ as deploy
from scripts.environments import Environment
from scripts.errors import Failed

SOURCES = terraform.TERRAFORM_ROOT.parent

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
