"""tests/contract/test_rate_limits_table.py, with the client of conftest.py."""

from tests.contract.test_rate_limits_table import *  # noqa: F403
