"""Telling the people at a session what becomes of it: who hears what, in what order, and who is let go."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection
from shared.audience.messages import Message
from shared.audience.notifier import MAX_PARALLEL, RESERVE_MS, RETRY_INTERVAL_S, Notifier
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language, QualityTier, Session, Status
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session

ACTIVE = a_session()
PAUSED = a_session(status=Status.PAUSED, updated_at=NOW + 7)
ENDED = a_session(status=Status.ENDED, ended_at=NOW + 7, updated_at=NOW + 7)
LATER = NOW + HANDSHAKE_S * 1000  # whoever is not there by then will not come


class Scene:
    """A session with people, their sockets, and a clock that sleeping moves."""

    def __init__(self, *rows: Connection, now: int = LATER, open_ids: set[str] | None = None) -> None:
        self.sessions = MemorySessions()
        self.connections = MemoryConnections(*rows)
        self.open = {row.id for row in rows} if open_ids is None else open_ids
        self.now = now
        self.log: list[tuple[str, str]] = []
        self.told: dict[str, list[Message]] = {}
        self.before: Callable[[str, str], Any] = lambda operation, connection_id: None
        self.on_sleep: Callable[[], Any] = lambda: None
        self._lock = threading.Lock()
        self.notify = Notifier(self.sessions, self.connections, self, lambda: self.now, self.sleep)

    def changes(self, old: Session | None, new: Session | None, *, time_left: int = 50_000) -> None:
        """Let the session be what it is now, and tell of that."""
        self.sessions.rows = {new.id: new} if new else {}
        self.hears_of(old, new, time_left=time_left)

    def hears_of(self, old: Session | None, new: Session | None, *, time_left: int = 50_000) -> None:
        deadline = self.now + time_left
        self.notify(old, new, time_left=lambda: deadline - self.now)

    def post(self, connection_id: str, message: Message) -> bool:
        self.before("post", connection_id)
        with self._lock:
            self.log.append(("post", connection_id))
            if connection_id not in self.open:
                return False
            self.told.setdefault(connection_id, []).append(message)
            return True

    def close(self, connection_id: str) -> None:
        self.before("close", connection_id)
        with self._lock:
            self.log.append(("close", connection_id))
            self.open.discard(connection_id)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.on_sleep()

    def reasons(self) -> dict[str, list[str]]:
        return {name: [str(message.get("reason")) for message in told] for name, told in self.told.items()}


def busy(times: int, operation: str = "post") -> Callable[[str, str], None]:
    """Answer 429 so many times."""
    left = [None] * times

    def refuse(asked: str, _connection_id: str) -> None:
        if asked == operation and left:
            left.pop()
            raise ServiceUnavailable

    return refuse


# what is told, and to whom


@pytest.mark.parametrize(
    "new",
    [
        PAUSED,
        a_session(source_language=Language.FRENCH),
        a_session(quality_tier=QualityTier.PREMIUM),
        a_session(source_language=Language.FRENCH, status=Status.PAUSED),
    ],
    ids=["status", "language", "tier", "two of them"],
)
def test_each_person_hears_once_of_a_change(new: Session):
    scene = Scene(a_speaker(id="s"), a_listener(id="a"), a_listener(id="b"))

    scene.changes(ACTIVE, new)

    assert {name: [message["type"] for message in told] for name, told in scene.told.items()} == {
        "s": ["sessionUpdated"],
        "a": ["sessionUpdated"],
        "b": ["sessionUpdated"],
    }
    assert len(scene.connections.rows) == 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, ACTIVE),
        (ACTIVE, replace(ACTIVE, listener_count=3)),
        (ACTIVE, replace(ACTIVE, listener_count=3, version=NOW + 1, updated_at=NOW + 1)),
        (ACTIVE, ACTIVE),
        (ENDED, replace(ENDED, listener_count=0, version=NOW + 1)),
    ],
    ids=["it is made", "its count", "told its own status", "nothing", "a count after the end"],
)
def test_what_is_nobodys_concern_is_not_told(old: Session | None, new: Session):
    scene = Scene(a_listener())

    scene.changes(old, new)

    assert scene.log == []
    assert len(scene.connections.rows) == 1


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (ACTIVE, ENDED, "ended"),
        (PAUSED, ENDED, "ended"),
        (ACTIVE, None, "expired"),
        (PAUSED, None, "expired"),
        (ENDED, None, "ended"),
        (ACTIVE, a_session(created_at=NOW + 1), "expired"),
        (ENDED, a_session(created_at=NOW + 1), "ended"),
        (ACTIVE, a_session(created_at=NOW + 1, status=Status.ENDED), "expired"),
    ],
)
def test_at_the_end_each_hears_why_and_is_let_go(old: Session, new: Session | None, reason: str):
    scene = Scene(a_speaker(id="s"), a_listener(id="a"))

    scene.changes(old, new)

    assert scene.reasons() == {"s": [reason], "a": [reason]}
    assert (scene.open, scene.connections.rows) == (set(), {})


def test_the_last_word_is_sent_before_the_socket_is_closed_and_the_row_goes_last():
    scene = Scene(a_listener(id="a"))
    rows_at: list[int] = []
    scene.before = lambda operation, connection_id: rows_at.append(len(scene.connections.rows))

    scene.changes(ACTIVE, ENDED)

    assert scene.log == [("post", "a"), ("close", "a")]
    assert rows_at == [1, 1]
    assert scene.connections.rows == {}


def test_the_speaker_is_told_first():
    listeners = [a_listener(id=f"listener-{number:02}") for number in range(40)]
    scene = Scene(*listeners, a_speaker(id="zzz"))

    scene.changes(ACTIVE, ENDED)

    assert scene.log[:2] == [("post", "zzz"), ("close", "zzz")]


def test_no_more_than_a_few_are_told_at_a_time():
    scene = Scene(*(a_listener(id=f"listener-{number:02}") for number in range(3 * MAX_PARALLEL)))
    at_once, most, lock = 0, 0, threading.Lock()
    together = threading.Barrier(MAX_PARALLEL)

    def count(operation: str, _connection_id: str) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        if operation == "post":
            together.wait(timeout=10)  # so that the pool's threads are all at it
        with lock:
            at_once -= 1

    scene.before = count

    scene.changes(ACTIVE, PAUSED)

    assert most == MAX_PARALLEL


# late, twice, out of order


def test_a_change_that_is_told_late_is_told_as_it_is_now():
    scene = Scene(a_listener(id="a"))
    resumed = a_session(updated_at=NOW + 9)
    scene.sessions.rows = {resumed.id: resumed}

    scene.hears_of(ACTIVE, PAUSED)

    assert [message["status"] for message in scene.told["a"]] == ["active"]


@pytest.mark.parametrize(
    "current", [None, ENDED, a_session(created_at=NOW + 1)], ids=["gone", "ended", "another"]
)
def test_a_change_of_a_session_that_is_over_meanwhile_is_not_told(current: Session | None):
    scene = Scene(a_listener())
    scene.sessions.rows = {current.id: current} if current else {}

    scene.hears_of(ACTIVE, PAUSED)

    assert scene.log == []


def test_an_end_that_is_told_twice_is_heard_once():
    scene = Scene(a_listener(id="a"))

    scene.changes(ACTIVE, ENDED)
    scene.changes(ACTIVE, ENDED)

    assert scene.reasons() == {"a": ["ended"]}


def test_people_of_a_new_session_with_the_same_id_are_left_alone():
    new = a_session(created_at=NOW + 1)
    theirs = a_listener(id="new", session_created_at=new.created_at)
    scene = Scene(a_listener(id="old"), theirs)

    scene.changes(ENDED, new)
    scene.hears_of(ACTIVE, ENDED)
    scene.hears_of(ACTIVE, PAUSED)

    assert set(scene.told) == {"old"}
    assert list(scene.connections.rows.values()) == [theirs]


def test_people_of_an_old_session_with_the_same_id_hear_nothing_of_the_new_one():
    new = a_session(created_at=NOW + 1)
    scene = Scene(a_listener(id="old"), a_listener(id="new", session_created_at=new.created_at))

    scene.changes(new, replace(new, status=Status.PAUSED))

    assert set(scene.told) == {"new"}


# 410 and 429


@pytest.mark.parametrize("new", [PAUSED, ENDED, None])
def test_whoever_has_gone_without_a_word_is_forgotten(new: Session | None):
    scene = Scene(a_listener(id="gone"), a_listener(id="there"), open_ids={"there"})

    scene.changes(ACTIVE, new)

    assert len(scene.told["there"]) == 1
    assert scene.now == LATER
    assert "gone" not in {row.id for row in scene.connections.rows.values()}


@pytest.mark.parametrize("operation", ["post", "close"])
def test_when_api_gateway_is_too_busy_it_is_asked_again(operation: str):
    scene = Scene(a_speaker(), *(a_listener(id=f"listener-{number}") for number in range(5)))
    scene.before = busy(14, operation)

    scene.changes(ACTIVE, ENDED)

    assert (scene.open, scene.connections.rows) == (set(), {})


def test_who_was_told_of_a_change_is_not_told_again_while_others_are_asked_again():
    scene = Scene(*(a_listener(id=f"listener-{number}") for number in range(5)))
    scene.before = busy(3)

    scene.changes(ACTIVE, PAUSED)

    assert {name: len(told) for name, told in scene.told.items()} == {
        f"listener-{number}": 1 for number in range(5)
    }


def test_what_cannot_be_done_in_time_is_left_for_the_next_call_which_does_the_rest_alone():
    scene = Scene(a_listener(id="done"), a_listener(id="left"))
    scene.before = lambda _, connection_id: busy(1)("post", "") if connection_id == "left" else None

    with pytest.raises(ServiceUnavailable):
        scene.changes(ACTIVE, ENDED, time_left=RESERVE_MS + 1000)
    took_ms = scene.now - LATER
    scene.before = lambda operation, connection_id: None
    scene.changes(ACTIVE, ENDED)

    assert 1000 <= took_ms <= 1500
    assert scene.reasons() == {"done": ["ended"], "left": ["ended"]}
    assert scene.connections.rows == {}


@pytest.mark.parametrize("row", [a_speaker(), a_listener()], ids=["a speaker", "a listener"])
def test_api_gateway_is_given_a_pause_before_it_is_asked_again(row: Connection):
    scene = Scene(row)
    scene.before = busy(2)

    scene.changes(ACTIVE, ENDED)

    assert scene.now == LATER + 2 * round(RETRY_INTERVAL_S * 1000)


def test_time_that_is_just_enough_is_used():
    scene = Scene(a_listener(id="a"))
    scene.before = busy(1)

    scene.changes(ACTIVE, ENDED, time_left=RESERVE_MS)

    assert scene.reasons() == {"a": ["ended"]}


def test_an_end_by_time_that_not_all_have_heard_of_is_left_for_the_next_call():
    scene = Scene(a_listener())
    scene.before = busy(100)

    with pytest.raises(ServiceUnavailable):
        scene.changes(ACTIVE, None, time_left=RESERVE_MS)


def test_a_function_killed_half_way_leaves_exactly_those_who_are_not_done():
    rows = [a_listener(id=f"listener-{number:02}") for number in range(40)]
    scene = Scene(*rows)
    closed: list[str] = []

    def kill(operation: str, connection_id: str) -> None:
        if operation == "close":
            if len(closed) >= 20:
                raise MemoryError
            closed.append(connection_id)

    scene.before = kill
    with pytest.raises(MemoryError):
        scene.changes(ACTIVE, ENDED)
    left = {row.id for row in scene.connections.rows.values()}

    scene.before = lambda operation, connection_id: None
    scene.changes(ACTIVE, ENDED)

    assert left == scene.open | left
    assert 0 < len(left) <= 20
    assert (scene.open, scene.connections.rows) == (set(), {})


# whoever is at the door


def test_who_is_still_coming_in_is_told_as_soon_as_that_is_possible():
    scene = Scene(a_waiting_listener(id="new"), now=NOW + 100, open_ids=set())
    scene.on_sleep = lambda: scene.open.add("new") if scene.now > NOW + 900 else None

    scene.changes(ACTIVE, ENDED)

    assert scene.reasons() == {"new": ["ended"]}
    assert (scene.open, scene.connections.rows) == (set(), {})
    assert scene.now < NOW + 1500


def test_nobody_waits_for_who_died_at_the_door_longer_than_the_handshake():
    scene = Scene(a_waiting_listener(id="dead"), a_listener(id="there"), now=NOW, open_ids={"there"})

    scene.changes(ACTIVE, ENDED)

    assert HANDSHAKE_S * 1000 <= scene.now - NOW <= HANDSHAKE_S * 1000 + 300
    assert scene.connections.rows == {}


def test_nobody_waits_for_who_was_refused_at_the_door_meanwhile():
    scene = Scene(a_waiting_listener(id="refused"), a_listener(id="there"), now=NOW, open_ids={"there"})
    scene.on_sleep = lambda: scene.connections.remove("blessed-shepherd-427", "refused")

    scene.changes(ACTIVE, ENDED)

    assert scene.now - NOW < 600


def test_who_came_in_while_api_gateway_said_that_nobody_was_there_is_not_forgotten():
    scene = Scene(a_waiting_listener(id="new"), now=LATER - 1, open_ids=set())
    post = scene.post

    def answer_late(connection_id: str, message: Message) -> bool:
        there = post(connection_id, message)
        scene.open.add("new")
        scene.now += 500
        return there

    scene.post = answer_late  # type: ignore[method-assign]

    scene.changes(ACTIVE, ENDED)

    assert scene.reasons() == {"new": ["ended"]}
    assert scene.open == set()


def test_rows_past_their_time_are_let_go_too():
    scene = Scene(a_listener(id="a", expires_at=NOW_S - 1))

    scene.changes(ACTIVE, None)

    assert (scene.open, scene.connections.rows) == (set(), {})
