"""Those tests of tests/system/test_tour.py that are about the HTTP API alone."""

from tests.system.test_tour import (  # noqa: F401
    test_a_session_is_created_read_paused_and_ended,
    test_the_readmes_tour_creates_reads_changes_and_ends_a_session,
)
