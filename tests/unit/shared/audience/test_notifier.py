"""The notifier: which message reaches which client in which order, and who is disconnected."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection
from shared.audience.delivery import MAX_PARALLEL, RESERVE_MS, RETRY_INTERVAL_S, Delivery
from shared.audience.messages import Message
from shared.audience.notifier import Change, Notifier
from shared.errors import ConnectionUnreachable, ServiceUnavailable
from shared.sessions.session import EndReason, Language, QualityTier, Session, Status
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryBookkeeping, MemoryConnections, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session

ACTIVE = a_session()
PAUSED = a_session(status=Status.PAUSED, updated_at=NOW + 7, version=NOW + 1)
ENDED = a_session(
    status=Status.ENDED, ended_at=NOW + 7, updated_at=NOW + 7, version=NOW + 2, due_at=NOW_S + 120
)
AFTER_HANDSHAKE = NOW + HANDSHAKE_S * 1000  # of connections that joined at NOW


class Harness:
    """The use case over stores in memory. Sleeping advances the clock. This is also the gateway.

    `open` has the ids of open connections, `calls` lists the gateway's calls, and `messages` has the
    delivered messages by connection id. `before` is called before each call of the gateway.
    """

    def __init__(
        self, *rows: Connection, now: int = AFTER_HANDSHAKE, open_ids: set[str] | None = None
    ) -> None:
        self.sessions = MemorySessions()
        self.connections = MemoryConnections(*rows)
        self.open = {row.id for row in rows} if open_ids is None else open_ids
        self.now = now
        self.calls: list[tuple[str, str]] = []
        self.messages: dict[str, list[Message]] = {}
        self.before: Callable[[str, str], Any] = lambda operation, connection_id: None
        self.on_sleep: Callable[[], Any] = lambda: None
        self._lock = threading.Lock()
        self._delivery = Delivery(
            self.connections, self, ThreadPoolExecutor(MAX_PARALLEL), lambda: self.now, self.sleep
        )

    def change(self, old: Session | None, new: Session | None, *, time_left: int = 50_000) -> None:
        """Store the new session and notify its clients of the change."""
        self.sessions.rows = {new.id: new} if new else {}
        self.notify((old, new), time_left=time_left)

    def notify(self, *changes: Change, time_left: int = 50_000) -> None:
        """Notify clients of successive changes; `time_left` is the milliseconds available."""
        deadline = self.now + time_left
        notify = Notifier(self.sessions, MemoryBookkeeping(self.sessions.rows), self._delivery)
        notify(changes, time_left=lambda: deadline - self.now)

    def types(self, connection_id: str) -> list[str]:
        return [message["type"] for message in self.messages.get(connection_id, [])]

    def post(self, connection_id: str, message: Message) -> bool:
        self.before("post", connection_id)
        with self._lock:
            self.calls.append(("post", connection_id))
            if connection_id not in self.open:
                return False
            self.messages.setdefault(connection_id, []).append(message)
            return True

    def close(self, connection_id: str) -> None:
        self.before("close", connection_id)
        with self._lock:
            self.calls.append(("close", connection_id))
            self.open.discard(connection_id)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.on_sleep()

    def reasons(self) -> dict[str, list[str]]:
        return {
            connection_id: [str(message.get("reason")) for message in messages]
            for connection_id, messages in self.messages.items()
        }


def throttle(times: int, operation: str = "post") -> Callable[[str, str], None]:
    """Return a `before` that refuses the first calls of the operation, as API Gateway does by 429."""
    refusals = [None] * times

    def before(called: str, _connection_id: str) -> None:
        if called == operation and refusals:
            refusals.pop()
            raise ServiceUnavailable

    return before


# which message


@pytest.mark.parametrize(
    "new",
    [
        PAUSED,
        replace(ACTIVE, source_language=Language.FRENCH, version=NOW + 1),
        replace(ACTIVE, quality_tier=QualityTier.PREMIUM, version=NOW + 1),
        replace(PAUSED, source_language=Language.FRENCH),
    ],
    ids=["status", "language", "tier", "language and status"],
)
def test_every_client_is_notified_once_of_a_change(new: Session):
    harness = Harness(a_speaker(id="s"), a_listener(id="a"), a_listener(id="b"))

    harness.change(ACTIVE, new)

    assert {
        connection_id: [message["type"] for message in messages]
        for connection_id, messages in harness.messages.items()
    } == {
        "s": ["sessionUpdated"],
        "a": ["sessionUpdated"],
        "b": ["sessionUpdated"],
    }
    assert len(harness.connections.rows) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, ACTIVE),
        (ACTIVE, replace(ACTIVE, listener_count=3)),
        (ACTIVE, ACTIVE),
        (ENDED, replace(ENDED, listener_count=3)),
    ],
    ids=["creation", "listener count", "no change", "count after the end"],
)
def test_a_change_that_clients_cannot_see_is_not_sent(old: Session | None, new: Session):
    harness = Harness(a_listener())

    harness.change(old, new)

    assert harness.calls == []
    assert len(harness.connections.rows) == 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (ACTIVE, ENDED, "ended"),
        (PAUSED, ENDED, "ended"),
        (ACTIVE, replace(ENDED, end_reason=EndReason.ABANDONED), "abandoned"),
        (ACTIVE, None, "expired"),
        (PAUSED, None, "expired"),
        (ENDED, None, "ended"),
        (ACTIVE, a_session(created_at=NOW + 1), "expired"),
        (ENDED, a_session(created_at=NOW + 1), "ended"),
        (ACTIVE, a_session(created_at=NOW + 1, status=Status.ENDED), "expired"),
    ],
)
def test_at_the_end_every_client_receives_the_reason_and_is_disconnected(
    old: Session, new: Session | None, reason: str
):
    harness = Harness(a_speaker(id="s"), a_listener(id="a"))

    harness.change(old, new)

    assert harness.reasons() == {"s": [reason], "a": [reason]}
    assert (harness.open, harness.connections.rows) == (set(), {})


def test_the_end_of_the_drain_takes_the_due_time_away():
    harness = Harness(a_listener())

    harness.change(ACTIVE, ENDED)

    assert harness.sessions.rows[ENDED.id].due_at is None


# in which order


def test_the_message_is_sent_before_the_connection_is_closed_and_the_row_removed_last():
    harness = Harness(a_listener(id="a"))
    row_counts: list[int] = []
    harness.before = lambda operation, connection_id: row_counts.append(len(harness.connections.rows))

    harness.change(ACTIVE, ENDED)

    assert harness.calls == [("post", "a"), ("close", "a")]
    assert row_counts == [1, 1]
    assert harness.connections.rows == {}


def test_the_speaker_is_notified_first():
    listeners = [a_listener(id=f"listener-{number:02}") for number in range(40)]
    harness = Harness(*listeners, a_speaker(id="zzz"))

    harness.change(ACTIVE, ENDED)

    assert harness.calls[:2] == [("post", "zzz"), ("close", "zzz")]


def test_clients_are_notified_in_parallel_up_to_the_maximum():
    harness = Harness(*(a_listener(id=f"listener-{number:02}") for number in range(3 * MAX_PARALLEL)))
    running, most_running, lock = 0, 0, threading.Lock()
    barrier = threading.Barrier(MAX_PARALLEL)

    def count(operation: str, _connection_id: str) -> None:
        nonlocal running, most_running
        with lock:
            running += 1
            most_running = max(most_running, running)
        if operation == "post":
            barrier.wait(timeout=60)  # passes only if all threads of the pool post at once
        with lock:
            running -= 1

    harness.before = count

    harness.change(ACTIVE, PAUSED)

    assert most_running == MAX_PARALLEL


# late, repeated and reordered records


def test_a_change_that_is_superseded_is_not_sent():
    harness = Harness(a_listener(id="a"))
    resumed = replace(ACTIVE, updated_at=NOW + 9, version=NOW + 2)
    harness.sessions.rows = {resumed.id: resumed}

    harness.notify((ACTIVE, PAUSED))
    assert harness.messages == {}

    harness.notify((PAUSED, resumed))
    assert harness.messages["a"] == [
        {
            "type": "sessionUpdated",
            "sessionId": ACTIVE.id,
            "status": "active",
            "sourceLanguage": "en",
            "qualityTier": "standard",
            "version": NOW + 2,
            "timestamp": NOW + 9,
        }
    ]


def test_of_successive_changes_the_newest_is_sent():
    harness = Harness(a_listener(id="a"))
    resumed = replace(ACTIVE, updated_at=NOW + 9, version=NOW + 2)
    harness.sessions.rows = {resumed.id: resumed}

    harness.notify((ACTIVE, PAUSED), (PAUSED, resumed), (resumed, replace(resumed, listener_count=4)))

    assert [message["version"] for message in harness.messages["a"] if "version" in message] == [NOW + 2]


def test_an_end_among_successive_changes_is_sent_alone():
    harness = Harness(a_listener(id="a"))
    harness.sessions.rows = {ENDED.id: ENDED}

    harness.notify((ACTIVE, PAUSED), (PAUSED, ENDED), (ENDED, replace(ENDED, listener_count=0)))

    assert harness.reasons() == {"a": ["ended"]}
    assert harness.sessions.rows[ENDED.id].due_at is None


@pytest.mark.parametrize(
    "current",
    [None, ENDED, a_session(created_at=NOW + 1)],
    ids=["absent", "ended", "later session with the same id"],
)
def test_a_change_of_a_session_that_is_over_by_now_is_not_sent(current: Session | None):
    harness = Harness(a_listener())
    harness.sessions.rows = {current.id: current} if current else {}

    harness.notify((ACTIVE, PAUSED))

    assert harness.calls == []


def test_a_repeated_end_is_sent_once():
    harness = Harness(a_listener(id="a"))

    harness.change(ACTIVE, ENDED)
    harness.change(ACTIVE, ENDED)

    assert harness.reasons() == {"a": ["ended"]}


def test_clients_of_a_later_session_with_the_same_id_are_not_notified_of_the_earlier_one():
    later = a_session(created_at=NOW + 1)
    later_listener = a_listener(id="new", session_created_at=later.created_at)
    harness = Harness(a_listener(id="old"), later_listener)

    harness.change(ENDED, later)
    harness.notify((ACTIVE, ENDED))
    harness.notify((ACTIVE, PAUSED))

    assert set(harness.messages) == {"old"}
    assert list(harness.connections.rows.values()) == [later_listener]


def test_clients_of_an_earlier_session_with_the_same_id_are_not_notified_of_the_later_one():
    later = a_session(created_at=NOW + 1)
    harness = Harness(a_listener(id="old"), a_listener(id="new", session_created_at=later.created_at))

    harness.change(later, replace(later, status=Status.PAUSED, version=NOW + 1))

    assert set(harness.messages) == {"new"}


# the speaker's return


ABSENT = a_session(speaker_absent_since=NOW, absence_announced_at=NOW + 10_000)
BACK = a_session(speaker_connected_since=NOW + 10_000, speaker_connected_until=NOW_S + 7200)


def test_listeners_are_notified_of_the_speakers_return_from_an_announced_absence():
    harness = Harness(a_speaker(id="s"), a_listener(id="a"))

    harness.change(ABSENT, BACK)

    assert harness.messages == {
        "a": [{"type": "speakerPresence", "connected": True, "timestamp": NOW + 10_000}]
    }


@pytest.mark.parametrize(
    ("old", "new", "current"),
    [
        (replace(ABSENT, absence_announced_at=None), BACK, None),
        (ACTIVE, BACK, None),
        (ABSENT, BACK, ABSENT),
        (ABSENT, BACK, replace(ENDED, speaker_connected_since=NOW + 10_000)),
    ],
    ids=["absence that was not announced", "first connection", "absent again", "ended"],
)
def test_listeners_are_not_notified_of_another_connection_of_the_speaker(
    old: Session, new: Session, current: Session | None
):
    harness = Harness(a_listener(id="a"))
    harness.sessions.rows = {new.id: current or new}

    harness.notify((old, new))

    assert harness.messages == {}


# connections that API Gateway rejects


def reject(connection_id: str) -> Callable[[str, str], None]:
    """Return a `before` that rejects every call for one connection, as API Gateway does by 400 or 403."""

    def before(_operation: str, called: str) -> None:
        if called == connection_id:
            raise ConnectionUnreachable

    return before


@pytest.mark.parametrize("unreachable", ["s", "a"], ids=["speaker", "listener"])
def test_one_unreachable_connection_stops_no_other(unreachable: str):
    harness = Harness(a_speaker(id="s"), a_listener(id="a"), a_listener(id="b"))
    harness.before = reject(unreachable)

    harness.change(ACTIVE, PAUSED)
    harness.change(PAUSED, ENDED)

    others = {"s", "a", "b"} - {unreachable}
    assert {name: harness.types(name) for name in harness.messages} == {
        name: ["sessionUpdated", "sessionEnded"] for name in others
    }
    assert harness.open == {unreachable}
    assert {row.id for row in harness.connections.rows.values()} == {unreachable}


def test_a_session_with_an_unreachable_connection_stays_due():
    harness = Harness(a_listener(id="a"))
    harness.before = reject("a")

    harness.change(ACTIVE, ENDED)

    assert harness.sessions.rows[ENDED.id].due_at == ENDED.due_at
    assert harness.now == AFTER_HANDSHAKE


# 410 Gone and 429 Too Many Requests


@pytest.mark.parametrize("new", [PAUSED, ENDED, None])
def test_the_row_of_a_connection_that_is_gone_is_removed(new: Session | None):
    harness = Harness(a_listener(id="gone"), a_listener(id="open"), open_ids={"open"})

    harness.change(ACTIVE, new)

    assert len(harness.messages["open"]) == 1
    assert harness.now == AFTER_HANDSHAKE
    assert "gone" not in {row.id for row in harness.connections.rows.values()}


@pytest.mark.parametrize("operation", ["post", "close"])
def test_a_throttled_call_is_retried(operation: str):
    harness = Harness(a_speaker(), *(a_listener(id=f"listener-{number}") for number in range(5)))
    harness.before = throttle(14, operation)

    harness.change(ACTIVE, ENDED)

    assert (harness.open, harness.connections.rows) == (set(), {})


def test_a_retry_does_not_notify_the_same_client_twice_of_a_change():
    harness = Harness(*(a_listener(id=f"listener-{number}") for number in range(5)))
    harness.before = throttle(3)

    harness.change(ACTIVE, PAUSED)

    assert {connection_id: len(messages) for connection_id, messages in harness.messages.items()} == {
        f"listener-{number}": 1 for number in range(5)
    }


@pytest.mark.parametrize("row", [a_speaker(), a_listener()], ids=["speaker", "listener"])
def test_there_is_an_interval_between_retries(row: Connection):
    harness = Harness(row)
    harness.before = throttle(2)

    harness.change(ACTIVE, ENDED)

    assert harness.now == AFTER_HANDSHAKE + 2 * round(RETRY_INTERVAL_S * 1000)


def test_a_call_that_runs_out_of_time_raises_and_a_repeated_one_continues():
    harness = Harness(a_listener(id="notified"), a_listener(id="throttled"))
    harness.before = lambda _, connection_id: (
        throttle(1)("post", "") if connection_id == "throttled" else None
    )

    with pytest.raises(ServiceUnavailable):
        harness.change(ACTIVE, ENDED, time_left=RESERVE_MS + 1000)
    elapsed_ms = harness.now - AFTER_HANDSHAKE
    harness.before = lambda operation, connection_id: None
    harness.change(ACTIVE, ENDED)

    assert 1000 <= elapsed_ms <= 1500
    assert harness.reasons() == {"notified": ["ended"], "throttled": ["ended"]}
    assert harness.connections.rows == {}


def test_a_retry_begins_while_exactly_the_reserve_is_left():
    harness = Harness(a_listener(id="a"))
    harness.before = throttle(1)

    harness.change(ACTIVE, ENDED, time_left=RESERVE_MS)

    assert harness.reasons() == {"a": ["ended"]}


def test_an_expiry_that_runs_out_of_time_raises():
    harness = Harness(a_listener())
    harness.before = throttle(100)

    with pytest.raises(ServiceUnavailable):
        harness.change(ACTIVE, None, time_left=RESERVE_MS)


def test_a_crash_leaves_the_rows_of_all_connections_that_are_not_closed():
    rows = [a_listener(id=f"listener-{number:02}") for number in range(40)]
    harness = Harness(*rows)
    closed: list[str] = []

    def crash(operation: str, connection_id: str) -> None:
        if operation == "close":
            if len(closed) >= 20:
                raise MemoryError
            closed.append(connection_id)

    harness.before = crash
    with pytest.raises(MemoryError):
        harness.change(ACTIVE, ENDED)
    remaining = {row.id for row in harness.connections.rows.values()}

    assert len(closed) == 20
    assert harness.open <= remaining

    harness.before = lambda operation, connection_id: None
    harness.change(ACTIVE, ENDED)

    assert (harness.open, harness.connections.rows) == (set(), {})


# connections in the handshake


def test_a_connection_in_the_handshake_is_notified_as_soon_as_it_is_open():
    harness = Harness(a_waiting_listener(id="new"), now=NOW + 100, open_ids=set())
    harness.on_sleep = lambda: harness.open.add("new") if harness.now > NOW + 900 else None

    harness.change(ACTIVE, ENDED)

    assert harness.reasons() == {"new": ["ended"]}
    assert (harness.open, harness.connections.rows) == (set(), {})
    assert harness.now < NOW + 1500


def test_a_crashed_join_is_waited_for_no_longer_than_the_handshake():
    harness = Harness(a_waiting_listener(id="crashed"), a_listener(id="open"), now=NOW, open_ids={"open"})

    harness.change(ACTIVE, ENDED)

    assert HANDSHAKE_S * 1000 <= harness.now - NOW <= HANDSHAKE_S * 1000 + 300
    assert harness.connections.rows == {}


def test_a_connection_that_is_refused_during_the_retries_is_not_waited_for():
    harness = Harness(a_waiting_listener(id="refused"), a_listener(id="open"), now=NOW, open_ids={"open"})
    harness.on_sleep = lambda: harness.connections.remove("blessed-shepherd-427", "refused")

    harness.change(ACTIVE, ENDED)

    assert harness.now - NOW < 600


def test_a_connection_that_opens_while_the_gateway_reports_it_gone_is_tried_again():
    harness = Harness(a_waiting_listener(id="new"), now=AFTER_HANDSHAKE - 1, open_ids=set())
    post = harness.post

    def respond_late(connection_id: str, message: Message) -> bool:
        delivered = post(connection_id, message)
        harness.open.add("new")
        harness.now += 500
        return delivered

    harness.post = respond_late  # type: ignore[method-assign]

    harness.change(ACTIVE, ENDED)

    assert harness.reasons() == {"new": ["ended"]}
    assert harness.open == set()


def test_connections_with_expired_rows_are_disconnected_too():
    harness = Harness(a_listener(id="a", expires_at=NOW_S - 1))

    harness.change(ACTIVE, None)

    assert (harness.open, harness.connections.rows) == (set(), {})
