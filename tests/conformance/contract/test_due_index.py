"""tests/contract/test_due_index.py, with the client of conftest.py."""

from tests.contract.test_due_index import *  # noqa: F403
