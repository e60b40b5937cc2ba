"""The tests of tests/faults/in_process/test_websocket_session.py that do not reach into the local system."""

from tests.faults.in_process.test_websocket_session import (  # noqa: F401
    test_a_speaker_may_listen_too,
    test_a_speaker_receives_the_audience_at_most_once_a_second,
    test_clients_are_disconnected_when_their_session_expires,
    test_clients_of_another_session_receive_nothing,
    test_counting_does_not_change_the_version,
    test_ending_by_patch_is_the_same_as_by_delete,
    test_every_client_receives_each_change_once_and_is_disconnected_at_the_end,
    test_heartbeats_are_answered_and_anything_else_is_an_unknown_action,
    test_the_count_follows_listeners_who_connect_and_disconnect,
)
