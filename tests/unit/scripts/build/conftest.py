"""The zips that were built from a copy of the repository."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def zips(repository: Path) -> Mapping[str, zipfile.ZipFile]:
    """Return the zips by function."""
    return {path.stem: zipfile.ZipFile(path) for path in (repository / "dist").glob("*.zip")}
