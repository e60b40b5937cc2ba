"""Settings of all tests: credentials that reach no AWS account, and the tests that share a worker."""

import gc
import os
import shlex
import shutil
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

# botocore reads them when a client is created, which the handlers do while they are imported.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)


class SystemScheduling(LoadScopeScheduling):
    """Run tests that share a system on one worker: those of a folder, or otherwise of a file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(("tests/system/", "tests/faults/")):
            return file.rpartition("/")[0]
        return nodeid if file == "tests/terraform/test_suites.py" else file


# They take longest: begun last, one of them would leave the other workers without work.
FIRST = (
    "tests/unit/state_machine/",
    "tests/unit/scripts/build/",
    "tests/unit/functions/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


def pytest_collection_finish() -> None:
    """Leave what pytest has collected out of every garbage collection: it stays until the end."""
    gc.collect()
    gc.freeze()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Make `--dist loadscope` use these scopes, because `--dist loadgroup` has no effect with pytest 9.2."""
    return SystemScheduling(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="module")
def patient_terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run Terraform at a low priority, because tests that run at the same time have timeouts of seconds."""
    program = shutil.which("terraform")
    assert program, "Terraform is not on PATH"
    patient = tmp_path_factory.mktemp("patient") / "terraform"
    patient.write_text(f'#!/bin/sh\nexec nice -n 15 {shlex.quote(program)} "$@"\n')
    patient.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{patient.parent}:{os.environ['PATH']}")
        yield
