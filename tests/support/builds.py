"""Builds of zips from copies of the repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.project import ROOT


def copy_repository(folder: Path, *, only: str = "*", packages_of: Path | None = None) -> Path:
    """Copy into `folder` what a build of all functions, or of one, reads, and return it.

    The copy shares the wheels of this repository, and the packages that were made for another copy.
    """
    ignored = shutil.ignore_patterns("__pycache__", "local")
    for name in ("functions", "shared", "scripts", "requirements"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for function in folder.glob("functions/*"):
        if only not in ("*", function.name):
            shutil.rmtree(function)
    shutil.copy(ROOT / "pyproject.toml", folder)
    wheels = ROOT / "build" / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    (folder / "build").mkdir()
    (folder / "build" / "wheels").symlink_to(wheels)
    if packages_of:
        (folder / "build" / "packages").symlink_to(packages_of / "build" / "packages")
    return folder


def build(
    repository: Path, *arguments: str, umask: int = 0o022, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m scripts.build` in the repository."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.build", *arguments],
        cwd=repository, env={**os.environ, **env}, umask=umask, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
