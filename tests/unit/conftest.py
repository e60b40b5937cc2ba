"""The zips of this tree, which several files of tests read."""

import fcntl
from pathlib import Path

import pytest

from tests.support import builds


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a copy of the repository with its zips, which all workers of a run share and nobody changes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "repository"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "dist" / "manifest.json").exists():
            process = builds.build(builds.copy_repository(folder))
            assert process.returncode == 0, process.stderr
    return folder
