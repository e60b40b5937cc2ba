"""tests/contract/test_live_captions_table.py, with the client of conftest.py."""

from tests.contract.test_live_captions_table import *  # noqa: F403
