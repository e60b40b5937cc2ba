"""The listener counter: counts come from the rows, and the speaker receives each one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection, SessionRef
from shared.audience.listener_counter import MAX_PARALLEL, MAX_WAIT_MS, ListenerCounter
from shared.audience.messages import Message
from shared.audience.places import CountPlaces
from shared.audience.presence import SpeakerPresence
from shared.errors import ConnectionUnreachable, ServiceUnavailable
from shared.sessions.session import Language, Session, Status
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryBookkeeping, MemoryConnections, MemoryPlaces
from tests.support.sessions import NOW, NOW_S, a_session

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION_ID = "blessed-shepherd-427"
SESSION = SessionRef(SESSION_ID, NOW)
AFTER_HANDSHAKE = NOW + HANDSHAKE_S * 1000
EARLIER = NOW - 30 * 60 * 60 * 1000


class Harness:
    """The use case over stores in memory. Sleeping advances the clock. This is also the gateway.

    `messages` lists the messages delivered, as (time, connection id, message); connections in `closed` do
    not exist at the gateway. `counted` lists the counts written.
    """

    def __init__(self, *rows: Connection, session: Session | None = None) -> None:
        self.sessions = {SESSION_ID: session or a_session()}
        self.connections = MemoryConnections(*rows)
        self.places = MemoryPlaces()
        self.messages: list[tuple[int, str, Message]] = []
        self.closed: set[str] = set()
        self.now = AFTER_HANDSHAKE
        self.counted: list[int] = []
        self.on_sleep: Callable[[], Any] = lambda: None
        self.on_post: Callable[[], Any] = lambda: None
        bookkeeping = MemoryBookkeeping(self.sessions)
        self.count_listeners = ListenerCounter(
            bookkeeping,
            CountPlaces(self.places, self.connections, lambda: self.now),
            self,
            SpeakerPresence(bookkeeping, absent_minutes=0),
            ThreadPoolExecutor(MAX_PARALLEL),
            lambda: self.now,
            self.sleep,
            self.counted.append,
        )

    def count(self, *sessions: SessionRef) -> int:
        """Count the sessions (default: SESSION) and return the listener count of SESSION."""
        self.count_listeners(sessions or [SESSION])
        return self.sessions[SESSION_ID].listener_count

    def post(self, connection_id: str, message: Message) -> bool:
        self.on_post()
        if connection_id in self.closed:
            return False
        self.messages.append((self.now, connection_id, message))
        return True

    def close(self, connection_id: str) -> None:
        raise AssertionError("The listener counter closes no connection")

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.on_sleep()

    def delivered_counts(self) -> list[object]:
        return [message.get("listenerCount") for _, _, message in self.messages]


def listeners(number: int) -> list[Connection]:
    return [a_listener(id=f"listener-{n}") for n in range(number)]


# counting


def test_the_count_is_the_number_of_rows_whatever_was_stored_before():
    harness = Harness(*listeners(3), session=a_session(listener_count=77))

    assert harness.count() == 3
    assert harness.counted == [3]


def test_a_session_without_connections_has_no_listeners():
    harness = Harness(session=a_session(listener_count=5))

    assert harness.count() == 0
    assert harness.now == AFTER_HANDSHAKE


@pytest.mark.parametrize(
    "row",
    [
        a_speaker(),
        a_waiting_listener(),
        a_listener(expires_at=NOW_S + HANDSHAKE_S),
        a_listener(session_created_at=EARLIER),
    ],
    ids=["speaker", "waiting listener", "expired listener", "listener of an earlier session"],
)
def test_only_admitted_live_listeners_of_the_session_are_counted(row: Connection):
    assert Harness(row).count() == 0


def test_counting_changes_neither_the_version_nor_another_field():
    harness = Harness(*listeners(3))

    harness.count()

    assert harness.sessions[SESSION_ID] == a_session(listener_count=3)


def test_an_ended_session_is_counted():
    ended = a_session(status=Status.ENDED, ended_at=NOW, listener_count=9)

    assert Harness(session=ended).count() == 0


def test_a_session_that_is_gone_is_not_counted():
    harness = Harness(a_speaker(session_created_at=EARLIER), *listeners(2))

    harness.count(SessionRef(SESSION_ID, EARLIER), SessionRef("holy-psalm-100", NOW))

    assert (harness.sessions[SESSION_ID].listener_count, harness.messages) == (0, [])
    assert harness.counted == []
    assert harness.now == AFTER_HANDSHAKE


def test_the_count_gives_back_the_places_of_listeners_who_have_left():
    harness = Harness(*listeners(3))
    for _ in range(5):
        harness.places.take(SESSION, limit=500, delete_at=NOW_S)

    harness.count()

    assert harness.places.get(SESSION).taken == 3


# notifying the speaker


def test_the_speaker_receives_the_listeners_by_language():
    harness = Harness(a_speaker(id="s"), *listeners(2), a_listener(id="g", target_language=Language.GERMAN))

    harness.count()

    message = {
        "type": "audience",
        "listenerCount": 3,
        "byLanguage": {"de": 1, "es": 2},
        "timestamp": AFTER_HANDSHAKE,
    }
    assert harness.messages == [(AFTER_HANDSHAKE, "s", message)]


def test_every_connection_of_the_speaker_is_notified_and_no_listener_is():
    harness = Harness(a_speaker(id="s1"), a_speaker(id="s2"), *listeners(1))

    harness.count()

    assert [connection_id for _, connection_id, _ in harness.messages] == ["s1", "s2"]


def test_a_disconnected_speaker_is_not_waited_for():
    harness = Harness(a_speaker(id="s"), *listeners(1))
    harness.closed.add("s")

    assert harness.count() == 1
    assert harness.now == AFTER_HANDSHAKE


def test_a_speaker_in_the_handshake_is_notified_as_soon_as_its_connection_is_open():
    harness = Harness(a_speaker(id="s", joined_at=AFTER_HANDSHAKE - 10), *listeners(1))
    harness.closed.add("s")
    harness.on_sleep = lambda: harness.closed.clear()

    harness.count()

    assert harness.delivered_counts() == [1]


def test_a_speaker_in_the_handshake_is_waited_for_at_most_a_second_and_a_half():
    harness = Harness(a_speaker(id="s", joined_at=AFTER_HANDSHAKE - 10), *listeners(1))
    harness.closed.add("s")

    harness.count()

    assert harness.now == AFTER_HANDSHAKE + MAX_WAIT_MS


def test_a_rejected_speaker_is_not_waited_for():
    harness = Harness(a_speaker(), *listeners(1))

    def reject() -> None:
        raise ConnectionUnreachable

    harness.on_post = reject

    assert harness.count() == 1
    assert harness.now == AFTER_HANDSHAKE


def test_sessions_are_counted_at_once():
    harness = Harness()
    barrier = threading.Barrier(MAX_PARALLEL)
    refs = [SessionRef(f"holy-psalm-{number}", NOW) for number in range(100, 100 + MAX_PARALLEL)]
    for session_id, _ in refs:
        harness.sessions[session_id] = a_session(id=session_id)
        harness.connections.add(a_speaker(session_id=session_id))
    harness.on_post = lambda: barrier.wait(timeout=60)  # passes only if all threads of the pool post at once

    harness.count(*refs)

    assert len(harness.messages) == MAX_PARALLEL


def test_the_count_also_records_whether_the_speaker_is_connected():
    harness = Harness(a_speaker())

    harness.count()

    assert harness.sessions[SESSION_ID].speaker_connected_until == a_speaker().expires_at


# faults


def test_a_fault_at_one_session_does_not_stop_the_others_from_being_counted():
    harness = Harness(a_speaker(), *listeners(1))
    others = [f"holy-psalm-{number}" for number in range(100, 110)]
    for other in others:
        harness.sessions[other] = a_session(id=other)
        harness.connections.add(a_listener(session_id=other))

    def throttle() -> None:
        raise ServiceUnavailable

    harness.on_post = throttle

    with pytest.raises(ServiceUnavailable):
        harness.count(SESSION, *(SessionRef(other, NOW) for other in others))

    assert {session.listener_count for session in harness.sessions.values()} == {1}
