"""No test of this tier opens a socket, and Hypothesis generates the same examples in every run."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # it compares clocks, which a busy machine fails
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail a test that opens a socket."""
