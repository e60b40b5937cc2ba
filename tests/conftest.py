"""What every tier shares: an AWS that cannot be reached by mistake, and which tests stay together."""

import os
import shlex
import shutil
from collections.abc import Iterator

import pytest
from xdist.scheduler import LoadScopeScheduling

# Read by botocore when a client is made, by the functions' handlers already while they are imported.
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
    os.environ.pop(name, None)


class Together(LoadScopeScheduling):
    """Keeps on one worker what shares a system: a folder of tests/system, or else a file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith("tests/system/"):
            return file.rpartition("/")[0]
        return nodeid if file == "tests/terraform/test_suites.py" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadScopeScheduling | None:
    """Have `--dist loadscope` take these scopes; xdist's own `loadgroup` is deaf under pytest 9.2."""
    return Together(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="module")
def patient_terraform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let Terraform give way to others, for beside it there are tests of what is promised in seconds."""
    program = shutil.which("terraform")
    assert program, "Terraform is not on PATH"
    patient = tmp_path_factory.mktemp("patient") / "terraform"
    patient.write_text(f'#!/bin/sh\nexec nice -n 15 {shlex.quote(program)} "$@"\n')
    patient.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{patient.parent}:{os.environ['PATH']}")
        yield
