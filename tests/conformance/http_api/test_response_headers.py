"""tests/system/test_response_headers.py, with the system of conftest.py."""

from tests.system.test_response_headers import *  # noqa: F403
