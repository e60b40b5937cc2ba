"""The description of a session to one of its connections, and the answer to joinSession."""

from typing import Any

import pytest

from shared.audience.connection import Connection
from shared.audience.messages import session_joined
from shared.captions.describe_session import DescribeSession
from shared.captions.join_session import JoinSession
from shared.errors import SessionEnded, SessionNotFound
from shared.sessions.session import Language, Status
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.memory_stores import MemoryConnections, MemoryLiveCaptions, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session

SESSION_ID = "blessed-shepherd-427"


class Harness:
    """Both use cases over stores in memory, at NOW + 7."""

    def __init__(
        self, *connections: Connection, live_captions: MemoryLiveCaptions | None = None, **session: Any
    ):
        self.sessions = MemorySessions()
        self.sessions.rows[SESSION_ID] = a_session(**session)
        self.describe = DescribeSession(self.sessions, live_captions or MemoryLiveCaptions(), Clock(NOW + 7))
        self.join_session = JoinSession(MemoryConnections(*connections), self.describe)


class NoLiveCaptions(MemoryLiveCaptions):
    """Live captions that must not be read."""

    def last(self, session: object) -> None:
        raise AssertionError(session)


def test_a_listener_gets_the_state_of_the_session_and_the_language_of_the_connection():
    listener = a_listener(target_language=Language.FRENCH)
    harness = Harness(
        listener, a_listener(id="other"), status=Status.PAUSED, version=NOW + 3, listener_count=2
    )

    assert harness.join_session(SESSION_ID, listener.id) == session_joined(
        a_session(status=Status.PAUSED, version=NOW + 3, listener_count=2), listener, NOW + 7
    )


def test_the_speaker_gets_the_last_sequence():
    harness = Harness(a_speaker(), live_captions=MemoryLiveCaptions(a_caption(7)))

    assert harness.join_session(SESSION_ID, a_speaker().id)["lastSequence"] == 7


def test_the_speaker_of_a_session_whose_id_was_another_ones_begins_at_zero():
    earlier = a_caption(7, session=a_listener(session_created_at=NOW - 30 * 60 * 60 * 1000).session)
    harness = Harness(a_speaker(), live_captions=MemoryLiveCaptions(earlier))

    assert harness.join_session(SESSION_ID, a_speaker().id)["lastSequence"] == 0


def test_the_last_caption_is_not_read_for_a_listener():
    harness = Harness(a_listener(), live_captions=NoLiveCaptions())

    assert "lastSequence" not in harness.join_session(SESSION_ID, a_listener().id)


@pytest.mark.parametrize(
    "connection_id", ["other", ""], ids=["connection that was removed", "empty connection id"]
)
def test_a_connection_without_a_row_has_no_session(connection_id: str):
    with pytest.raises(SessionNotFound):
        Harness(a_listener()).join_session(SESSION_ID, connection_id)


def test_a_connection_of_another_session_with_the_same_id_has_no_session():
    with pytest.raises(SessionNotFound):
        Harness(a_listener(session_created_at=NOW - 1)).join_session(SESSION_ID, a_listener().id)


def test_a_connection_of_an_expired_session_has_no_session():
    with pytest.raises(SessionNotFound):
        Harness(a_listener(), expires_at=NOW_S).join_session(SESSION_ID, a_listener().id)


def test_a_connection_of_an_ended_session_is_told_so():
    with pytest.raises(SessionEnded):
        Harness(a_listener(), status=Status.ENDED).join_session(SESSION_ID, a_listener().id)
