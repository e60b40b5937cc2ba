"""tests/system/test_http.py, with the system of conftest.py."""

from tests.system.test_http import *  # noqa: F403
