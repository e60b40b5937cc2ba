"""tests/contract/test_audio_stream.py, with the client of conftest.py."""

from tests.contract.test_audio_stream import *  # noqa: F403
