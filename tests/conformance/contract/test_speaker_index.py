"""tests/contract/test_speaker_index.py, with the client of conftest.py."""

from tests.contract.test_speaker_index import *  # noqa: F403
