"""tests/contract/test_sessions_table.py, with the client of conftest.py."""

from tests.contract.test_sessions_table import *  # noqa: F403
