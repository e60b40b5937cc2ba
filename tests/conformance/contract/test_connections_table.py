"""tests/contract/test_connections_table.py, with the client of conftest.py."""

from tests.contract.test_connections_table import *  # noqa: F403
