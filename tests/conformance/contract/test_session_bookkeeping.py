"""tests/contract/test_session_bookkeeping.py, with the client of conftest.py."""

from tests.contract.test_session_bookkeeping import *  # noqa: F403
