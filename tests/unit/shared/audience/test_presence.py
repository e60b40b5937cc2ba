"""The speaker's presence: what is recorded about it, and when listeners are notified."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import Connection
from shared.audience.delivery import MAX_PARALLEL, Delivery
from shared.audience.messages import Message
from shared.audience.presence import ANNOUNCED_AFTER_MS, AnnounceAbsence, SpeakerPresence
from shared.sessions.session import Session, Status
from tests.support.connections import a_listener, a_speaker
from tests.support.memory_stores import MemoryBookkeeping, MemoryConnections, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session

LATER = NOW + 60_000
ROW = a_speaker(id="s")
CONNECTED = a_session(
    speaker_connected_since=NOW, speaker_connected_until=ROW.expires_at, due_at=ROW.expires_at
)
ABSENT = a_session(speaker_absent_since=NOW, due_at=NOW_S + 2 * 60 * 60)
EXPIRED = replace(CONNECTED, expires_at=LATER // 1000)
ENDED = a_session(status=Status.ENDED, ended_at=NOW, due_at=NOW_S + 120)


def recorded(session: Session, *rows: Connection, absent_minutes: int = 120) -> tuple[bool, Session]:
    """Return whether the presence was written at LATER, and the session after that."""
    rows_of_sessions = {session.id: session}
    presence = SpeakerPresence(MemoryBookkeeping(rows_of_sessions), absent_minutes=absent_minutes)
    return presence(session, rows, LATER), rows_of_sessions[session.id]


# what is recorded


def test_a_first_connection_is_recorded_and_the_session_is_due_when_its_row_expires():
    assert recorded(a_session(), ROW) == (True, replace(CONNECTED, speaker_connected_since=LATER))


def test_a_return_takes_the_absence_away():
    assert recorded(ABSENT, ROW) == (True, replace(CONNECTED, speaker_connected_since=LATER))


def test_a_second_connection_of_the_speaker_moves_the_due_time_only():
    second = a_speaker(id="s2", expires_at=ROW.expires_at + 60)

    assert recorded(CONNECTED, ROW, second) == (
        True,
        replace(CONNECTED, speaker_connected_until=second.expires_at, due_at=second.expires_at),
    )


def test_a_session_is_due_no_later_than_its_expiry():
    session = a_session(expires_at=NOW_S + 3600)

    assert recorded(session, ROW)[1].due_at == NOW_S + 3600


@pytest.mark.parametrize(
    ("absent_minutes", "due_at"),
    [(120, LATER // 1000 + 120 * 60), (0, CONNECTED.expires_at), (24 * 60 + 1, CONNECTED.expires_at)],
    ids=["limited", "unlimited", "longer than the session"],
)
def test_an_absence_is_recorded_and_the_session_is_due_when_it_ends(absent_minutes: int, due_at: int):
    assert recorded(CONNECTED, a_listener(), absent_minutes=absent_minutes) == (
        True,
        a_session(speaker_absent_since=LATER, due_at=due_at),
    )


@pytest.mark.parametrize(
    "row",
    [
        replace(ROW, expires_at=LATER // 1000),
        replace(ROW, admitted_at=None),
        replace(ROW, session_created_at=NOW - 1),
        a_listener(),
    ],
    ids=["expired", "not admitted", "of an earlier session", "listener"],
)
def test_only_an_admitted_live_speaker_of_the_session_is_connected(row: Connection):
    assert recorded(CONNECTED, row)[1].speaker_absent_since == LATER


@pytest.mark.parametrize(
    ("session", "rows"),
    [(CONNECTED, [ROW]), (ABSENT, []), (a_session(), []), (ENDED, [ROW]), (EXPIRED, [])],
    ids=["still connected", "still absent", "never connected", "ended", "expired"],
)
def test_what_is_recorded_already_is_not_written(session: Session, rows: list[Connection]):
    assert recorded(session, *rows) == (False, session)


def test_a_presence_that_has_changed_in_the_meantime_is_not_overwritten():
    reconnected = replace(CONNECTED, speaker_connected_until=ROW.expires_at + 60)
    rows = {reconnected.id: reconnected}
    presence = SpeakerPresence(MemoryBookkeeping(rows), absent_minutes=120)

    presence(CONNECTED, [], LATER)

    assert rows[reconnected.id] == reconnected


# when listeners are notified


class Harness:
    """The use case over stores in memory, with one listener and one speaker. This is also the gateway."""

    def __init__(self, current: Session | None, *, now: int = NOW, absent_minutes: int = 120) -> None:
        self.now = now
        self.messages: list[tuple[int, str, Message]] = []
        self.sessions = MemorySessions()
        if current:
            self.sessions.rows[current.id] = current
        connections = MemoryConnections(a_listener(id="a"), ROW)
        self.announce = AnnounceAbsence(
            MemoryBookkeeping(self.sessions.rows),
            Delivery(connections, self, ThreadPoolExecutor(MAX_PARALLEL), lambda: self.now, self.sleep),
            absent_minutes=absent_minutes,
            clock=lambda: self.now,
            sleep=self.sleep,
        )

    def post(self, connection_id: str, message: Message) -> bool:
        self.messages.append((self.now, connection_id, message))
        return True

    def close(self, connection_id: str) -> None:
        raise AssertionError("An absence closes no connection")

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


def time_left() -> int:
    return 50_000


@pytest.mark.parametrize(
    ("absent_minutes", "end"), [(120, {"endsAt": NOW_S + 120 * 60}), (0, {})], ids=["limited", "unlimited"]
)
def test_listeners_are_notified_when_the_absence_has_lasted_long_enough(
    absent_minutes: int, end: dict[str, Any]
):
    harness = Harness(ABSENT, absent_minutes=absent_minutes)

    harness.announce(CONNECTED, ABSENT, time_left=time_left)

    message = {"type": "speakerPresence", "connected": False, "timestamp": NOW, **end}
    assert harness.messages == [(NOW + ANNOUNCED_AFTER_MS, "a", message)]
    assert harness.sessions.rows[ABSENT.id].absence_announced_at == NOW + ANNOUNCED_AFTER_MS


def test_a_late_record_is_announced_at_once():
    harness = Harness(ABSENT, now=LATER)

    harness.announce(CONNECTED, ABSENT, time_left=time_left)

    assert [time for time, _, _ in harness.messages] == [LATER]


def test_an_absence_in_the_future_is_waited_for_no_longer_than_any_other():
    absent = replace(ABSENT, speaker_absent_since=NOW + 3600_000)
    harness = Harness(absent)

    harness.announce(CONNECTED, absent, time_left=time_left)

    assert harness.now == NOW + ANNOUNCED_AFTER_MS


@pytest.mark.parametrize(
    "current",
    [
        None,
        CONNECTED,
        replace(ABSENT, speaker_absent_since=NOW + 1),
        replace(ABSENT, created_at=NOW + 1),
        replace(ABSENT, status=Status.ENDED, ended_at=NOW),
        replace(ABSENT, expires_at=NOW_S + 10),
    ],
    ids=["gone", "returned", "absent again", "later session", "ended", "expired"],
)
def test_an_absence_that_is_over_is_not_announced(current: Session | None):
    harness = Harness(current)

    harness.announce(CONNECTED, ABSENT, time_left=time_left)

    assert harness.messages == []


@pytest.mark.parametrize(
    ("old", "new"),
    [(ABSENT, replace(ABSENT, listener_count=3)), (ABSENT, CONNECTED), (ABSENT, None)],
    ids=["count", "return", "removal"],
)
def test_a_record_without_a_new_absence_is_not_waited_for(old: Session, new: Session | None):
    harness = Harness(new)

    harness.announce(old, new, time_left=time_left)

    assert (harness.now, harness.messages) == (NOW, [])
