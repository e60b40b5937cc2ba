"""A copy of the repository, and the zips that were built from it."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import builds


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the repository and build its zips."""
    root = builds.copy_repository(tmp_path_factory.mktemp("build") / "repository")
    process = builds.build(root)
    assert process.returncode == 0, process.stderr
    return root


@pytest.fixture(scope="session")
def zips(repository: Path) -> Mapping[str, zipfile.ZipFile]:
    """Return the zips by function."""
    return {path.stem: zipfile.ZipFile(path) for path in (repository / "dist").glob("*.zip")}
