"""tests/contract/test_audiences_table.py, with the client of conftest.py."""

from tests.contract.test_audiences_table import *  # noqa: F403
