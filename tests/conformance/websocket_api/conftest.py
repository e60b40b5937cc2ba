"""The WebSocket API of dev, in the emulator."""

import pytest

from tests.conformance.system import DeployedSystem
from tests.faults.in_process.conftest import clients, open_session, session  # noqa: F401  # they build on `local`


@pytest.fixture
def local(system: DeployedSystem) -> DeployedSystem:
    """Return dev."""
    return system
