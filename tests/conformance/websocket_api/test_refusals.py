"""The tests of tests/faults/in_process/test_websocket_refusals.py that need no limits of the local system."""

from tests.faults.in_process.test_websocket_refusals import (  # noqa: F401
    test_a_listener_gives_a_language_that_is_supported,
    test_a_session_id_is_required,
    test_a_token_may_come_by_header,
    test_an_ended_session_is_gone,
    test_an_invalid_token_is_refused_and_does_not_make_a_listener,
    test_an_unknown_session_is_not_found,
)
