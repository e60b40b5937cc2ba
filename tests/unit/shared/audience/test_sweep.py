"""The sweep: which due sessions end, which are finished or checked, and what a failure leaves for later."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import Connection
from shared.audience.delivery import MAX_PARALLEL, RESERVE_MS, Delivery
from shared.audience.messages import Message
from shared.audience.presence import SpeakerPresence
from shared.audience.sweep import CLOCK_SKEW_MS, RETRY_S, Sweep
from shared.errors import ConnectionUnreachable, ServiceUnavailable, UnreadableRow
from shared.sessions.session import EndReason, Session, Status
from tests.support.connections import a_listener, a_speaker
from tests.support.memory_stores import (
    MemoryBookkeeping,
    MemoryConnections,
    MemoryDueSessions,
    MemorySessions,
)
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.use_cases import RecordedMetrics

SESSION_ID = "blessed-shepherd-427"
EXPIRED_AT = a_session().expires_at * 1000
ENDED = a_session(
    status=Status.ENDED, ended_at=NOW, updated_at=NOW, end_reason=EndReason.ENDED, due_at=NOW_S + 120
)
CONNECTED = a_session(speaker_connected_since=NOW, speaker_connected_until=NOW_S + 60, due_at=NOW_S + 60)
ABSENT = a_session(speaker_absent_since=NOW, due_at=NOW_S + 120 * 60)


class Harness:
    """The use case over stores in memory; the sessions' connections are open. This is also the gateway."""

    def __init__(self, *sessions: Session, rows: tuple[Connection, ...] = (), absent_minutes: int = 120):
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.connections = MemoryConnections(*rows)
        self.messages: dict[str, list[Message]] = {}
        self.closed: list[str] = []
        self.metrics = RecordedMetrics()
        self.before_post: Callable[[str], Any] = lambda connection_id: None
        self.time_left = 50_000
        bookkeeping = MemoryBookkeeping(self.sessions.rows)
        self._sweep = Sweep(
            MemoryDueSessions(self.sessions.rows, page_size=2),
            self.sessions,
            self.connections,
            bookkeeping,
            SpeakerPresence(bookkeeping, absent_minutes=absent_minutes),
            Delivery(
                self.connections, self, ThreadPoolExecutor(MAX_PARALLEL), lambda: NOW + 60_000, self.sleep
            ),
            self.metrics,
            ThreadPoolExecutor(MAX_PARALLEL),
            absent_minutes=absent_minutes,
        )

    def sweep(self, now: int) -> Session:
        """Sweep when `now` (epoch ms) is certain, and return the first session after that."""
        self._sweep(now + CLOCK_SKEW_MS, time_left=lambda: self.time_left)
        return next(iter(self.sessions.rows.values()))

    def post(self, connection_id: str, message: Message) -> bool:
        self.before_post(connection_id)
        self.messages.setdefault(connection_id, []).append(message)
        return True

    def close(self, connection_id: str) -> None:
        self.closed.append(connection_id)

    def sleep(self, seconds: float) -> None:
        self.time_left -= round(seconds * 1000)

    def reasons(self) -> dict[str, list[str]]:
        return {
            connection_id: [str(message.get("reason")) for message in messages]
            for connection_id, messages in self.messages.items()
        }


AUDIENCE = (a_speaker(id="s"), a_listener(id="a"))


# expired sessions


def test_an_expired_session_is_ended_for_its_audience():
    harness = Harness(a_session(), rows=AUDIENCE)

    session = harness.sweep(EXPIRED_AT)

    assert harness.reasons() == {"s": ["expired"], "a": ["expired"]}
    assert set(harness.closed) == {"s", "a"}
    assert harness.connections.rows == {}
    assert session == a_session(due_at=None)


@pytest.mark.parametrize("session", [a_session(), ENDED, CONNECTED, ABSENT])
def test_a_session_that_is_not_due_is_left_alone(session: Session):
    harness = Harness(session, rows=AUDIENCE)
    assert session.due_at

    assert harness.sweep(session.due_at * 1000 - 1) == session
    assert harness.messages == {}


def test_all_due_sessions_are_swept():
    sessions = [a_session(id=f"holy-psalm-{number}") for number in range(100, 105)]
    harness = Harness(*sessions)

    harness.sweep(EXPIRED_AT)

    assert [session.due_at for session in harness.sessions.rows.values()] == [None] * 5


# ended sessions


@pytest.mark.parametrize("reason", [EndReason.ENDED, EndReason.ABANDONED])
def test_the_end_that_a_stream_has_left_unfinished_is_finished(reason: EndReason):
    harness = Harness(replace(ENDED, end_reason=reason), rows=AUDIENCE)

    session = harness.sweep((NOW_S + 120) * 1000)

    assert harness.reasons() == {"s": [reason], "a": [reason]}
    assert (session.due_at, harness.connections.rows) == (None, {})


# running sessions


def test_a_lost_disconnect_of_the_speaker_is_noticed_when_its_row_has_expired():
    harness = Harness(CONNECTED, rows=(a_speaker(expires_at=NOW_S + 60), a_listener()))

    session = harness.sweep((NOW_S + 60) * 1000)

    assert session == a_session(
        speaker_absent_since=(NOW_S + 60) * 1000, due_at=NOW_S + 60 + 120 * 60, version=CONNECTED.version
    )


def test_a_speaker_who_has_connected_again_is_not_absent():
    row = a_speaker()
    harness = Harness(CONNECTED, rows=(row,))

    session = harness.sweep((NOW_S + 60) * 1000)

    assert session == replace(CONNECTED, speaker_connected_until=row.expires_at, due_at=row.expires_at)


def test_a_session_whose_speaker_stays_absent_is_abandoned():
    harness = Harness(ABSENT, rows=(a_listener(),))
    now = (NOW_S + 120 * 60) * 1000

    session = harness.sweep(now)

    assert session == replace(
        ABSENT,
        status=Status.ENDED,
        end_reason=EndReason.ABANDONED,
        ended_at=now,
        updated_at=now,
        due_at=now // 1000 + 120,
        version=ABSENT.version + 1,
    )
    assert harness.metrics.counted == ["ended"]
    assert harness.messages == {}  # the stream does that


def test_a_speaker_who_connects_just_before_the_sweep_keeps_the_session():
    harness = Harness(ABSENT, rows=(a_speaker(expires_at=NOW_S + 130 * 60),))

    session = harness.sweep((NOW_S + 120 * 60) * 1000)

    assert (session.status, session.speaker_absent_since) == (Status.ACTIVE, None)


def test_an_absence_that_ends_between_reading_and_writing_keeps_the_session():
    harness = Harness(ABSENT)
    returned = a_session(speaker_connected_since=NOW, speaker_connected_until=NOW_S + 9000, due_at=NOW_S)
    read = harness.connections.of_session

    def return_meanwhile(session_id: str) -> list[Connection]:
        harness.sessions.rows[session_id] = returned
        return read(session_id)

    harness.connections.of_session = return_meanwhile  # type: ignore[method-assign]

    assert harness.sweep((NOW_S + 120 * 60) * 1000) == returned


def test_without_a_limit_an_absent_speakers_session_is_due_at_its_expiry():
    harness = Harness(ABSENT, absent_minutes=0)

    session = harness.sweep((NOW_S + 120 * 60) * 1000)

    assert session == replace(ABSENT, due_at=ABSENT.expires_at)


# failures


def fail_for(connection_id: str, error: type[Exception]) -> Callable[[str], None]:
    def before_post(called: str) -> None:
        if called == connection_id:
            raise error

    return before_post


@pytest.mark.parametrize("error", [ServiceUnavailable, ConnectionUnreachable])
def test_a_session_that_fails_is_due_again_later_and_stops_no_other(
    error: type[Exception], caplog: pytest.LogCaptureFixture
):
    other = a_session(id="holy-psalm-100", due_at=a_session().due_at)
    harness = Harness(a_session(), other, rows=(a_listener(id="a"),))
    harness.before_post = fail_for("a", error)

    with caplog.at_level(logging.ERROR):
        session = harness.sweep(EXPIRED_AT)

    assert session.due_at == EXPIRED_AT // 1000 + RETRY_S
    assert harness.sessions.rows[other.id].due_at is None
    assert "A session cannot be swept yet" in [record.message for record in caplog.records]

    harness.before_post = lambda connection_id: None
    harness.time_left = 50_000
    assert harness.sweep(EXPIRED_AT + RETRY_S * 1000).due_at is None
    assert harness.closed == ["a"]


def test_a_row_that_cannot_be_read_is_due_again_later():
    harness = Harness(a_session())

    def unreadable(_session_id: str) -> Session | None:
        raise UnreadableRow

    harness.sessions.get = unreadable  # type: ignore[method-assign]

    assert harness.sweep(EXPIRED_AT).due_at == EXPIRED_AT // 1000 + RETRY_S


def test_what_does_not_fit_into_the_time_stays_due():
    harness = Harness(a_session(), rows=AUDIENCE)
    harness.time_left = RESERVE_MS - 1

    assert harness.sweep(EXPIRED_AT) == a_session()
    assert harness.messages == {}


def test_an_index_that_is_behind_the_table_changes_nothing():
    harness = Harness(a_session(), rows=AUDIENCE)
    newer = a_session(due_at=EXPIRED_AT // 1000 + 60)
    harness.sessions.get = lambda session_id: newer  # type: ignore[method-assign]

    harness.sweep(EXPIRED_AT)

    assert harness.messages == {}
