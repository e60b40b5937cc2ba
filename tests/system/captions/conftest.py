"""The whole system in the process of the tests, as in tests/faults, without an audio stream."""

import pytest

from tests.faults.in_process.conftest import (  # noqa: F401
    clients,
    clock,
    kinesis,
    local,
    no_failures_after_a_test,
    open_session,
    session,
)


@pytest.fixture(scope="session")
def has_audio() -> bool:
    """Start without the stream, for which Terraform waits half a minute."""
    return False
