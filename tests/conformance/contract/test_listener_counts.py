"""tests/contract/test_listener_counts.py, with the client of conftest.py."""

from tests.contract.test_listener_counts import *  # noqa: F403
