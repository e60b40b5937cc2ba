"""tests/contract/test_idempotency_keys_table.py, with the client of conftest.py."""

from tests.contract.test_idempotency_keys_table import *  # noqa: F403
