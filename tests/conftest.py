"""What every tier shares: an AWS that cannot be reached by mistake, and which tests stay together."""

import os

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
