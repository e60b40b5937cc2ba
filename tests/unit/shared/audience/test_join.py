"""Coming to a session and leaving it: who is let in as what, and what is left of who is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, LIFETIME_S, Connection, Role
from shared.audience.join import MAX_WAIT_MS, Join
from shared.errors import (
    FieldError,
    InvalidRequest,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
)
from shared.sessions.session import Language, Session, Status
from tests.support.connections import a_listener, a_waiting_listener
from tests.support.memory_stores import MemoryConnections, MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session

SESSION_ID = "blessed-shepherd-427"
SPANISH = Language.SPANISH


class Scene(MemoryConnections):
    """Sessions, connections and a clock; `on` has something happen just before a call."""

    def __init__(self, *sessions: Session) -> None:
        super().__init__()
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.now = NOW
        self.calls: list[str] = []
        self._happenings: dict[str, Callable[[], Any]] = {}

    def on(self, call: str, happening: Callable[[], Any]) -> None:
        """Have it happen just before the call: add, get, of, admit, remove."""
        self._happenings[call] = happening

    def join(
        self, connection_id: str = "me", *, caller: str | None = None, language: Language | None = SPANISH
    ) -> Connection:
        return self.use_case()(SESSION_ID, connection_id, caller=caller, target_language=language)

    def use_case(self, max_listeners: int = 2) -> Join:
        return Join(self, self, max_listeners=max_listeners, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def get(self, session_id: str) -> Session | None:
        self._note("get")
        return self.sessions.get(session_id)

    def add(self, connection: Connection) -> None:
        self._note("add")
        super().add(connection)

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        self._note("admit")
        return super().admit(connection, now, expires_at)

    def remove(self, session_id: str, connection_id: str) -> None:
        self._note("remove")
        super().remove(session_id, connection_id)

    def of_session(self, session_id: str) -> list[Connection]:
        self._note("of")
        return super().of_session(session_id)

    def end(self) -> None:
        session = self.sessions.rows[SESSION_ID]
        self.sessions.rows[SESSION_ID] = replace(session, status=Status.ENDED, ended_at=self.now)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._happenings.get(call, lambda: None)()


# who is let in, as what


@pytest.mark.parametrize(
    ("caller", "language", "role"),
    [
        (ALICE, None, Role.SPEAKER),
        (ALICE, SPANISH, Role.LISTENER),
        (BOB, SPANISH, Role.LISTENER),
        (None, SPANISH, Role.LISTENER),
    ],
    ids=["the owner", "the owner who wants to hear", "another speaker", "anybody"],
)
def test_the_owner_speaks_and_everyone_else_listens(
    caller: str | None, language: Language | None, role: Role
):
    scene = Scene(a_session())

    joined = scene.join(caller=caller, language=language)

    assert (joined.role, joined.target_language) == (role, language)
    assert [row.role for row in scene.of_session(SESSION_ID)] == [role]


@pytest.mark.parametrize("caller", [None, BOB])
def test_a_listener_must_say_what_to_hear(caller: str | None):
    scene = Scene(a_session())

    with pytest.raises(InvalidRequest) as refused:
        scene.join(caller=caller, language=None)

    assert refused.value.fields == (FieldError("targetLanguage", "targetLanguage is required"),)
    assert scene.rows == {}


def test_a_paused_session_may_be_joined():
    scene = Scene(a_session(status=Status.PAUSED))

    scene.join()

    assert len(scene.rows) == 1


@pytest.mark.parametrize(
    ("session", "error"),
    [
        (None, SessionNotFound),
        (a_session(expires_at=NOW_S), SessionNotFound),
        (a_session(expires_at=NOW_S, status=Status.ENDED), SessionNotFound),
        (a_session(status=Status.ENDED), SessionEnded),
    ],
    ids=["none", "expired", "ended and expired", "ended"],
)
def test_a_session_that_is_not_running_is_not_joined_and_nothing_is_written(
    session: Session | None, error: type[Exception]
):
    scene = Scene(*([session] if session else []))

    with pytest.raises(error):
        scene.join()

    assert scene.calls == ["get"]


@pytest.mark.parametrize(
    "session_id", ["", "blessed-shepherd", "x" * 2000, "Blessed-Shepherd-427", "a-b-1\n"]
)
def test_an_id_that_is_none_is_not_looked_up(session_id: str):
    scene = Scene(a_session())

    with pytest.raises(SessionNotFound):
        scene.use_case()(session_id, "me", caller=None, target_language=SPANISH)

    assert scene.calls == []


def test_a_row_says_whose_it_is_and_until_when():
    scene = Scene(a_session())

    scene.join()

    assert scene.of_session(SESSION_ID) == [a_listener(id="me", expires_at=NOW_S + LIFETIME_S)]


def test_a_row_ends_with_its_session():
    scene = Scene(a_session(expires_at=NOW_S + 60))

    scene.join()

    assert [row.expires_at for row in scene.of_session(SESSION_ID)] == [NOW_S + 60]


def test_a_row_that_waits_for_admission_is_soon_of_no_use():
    scene = Scene(a_session())
    waiting: list[Connection] = []
    scene.on("admit", lambda: waiting.extend(scene.rows.values()))

    scene.join()

    assert waiting == [a_waiting_listener(id="me", expires_at=NOW_S + HANDSHAKE_S)]


def test_the_row_is_written_before_the_session_is_read_again():
    scene = Scene(a_session())

    scene.join()

    assert scene.calls.index("add") < len(scene.calls) - 1 - scene.calls[::-1].index("get")


def test_the_admission_comes_last_so_that_who_dies_before_it_is_soon_forgotten():
    scene = Scene(a_session())

    scene.join()

    assert scene.calls[-1] == "admit"


# full


def test_listeners_come_in_up_to_the_limit_and_speakers_always():
    scene = Scene(a_session())
    scene.join("a")
    scene.join("b")

    with pytest.raises(SessionFull):
        scene.join("c")
    scene.join("s1", caller=ALICE, language=None)
    scene.join("s2", caller=ALICE, language=None)

    assert sorted(row.id for row in scene.of_session(SESSION_ID)) == ["a", "b", "s1", "s2"]


def test_a_place_that_somebody_left_is_free():
    scene = Scene(a_session())
    scene.join("a")
    scene.join("b")
    scene.remove(SESSION_ID, "a")

    scene.join("c")

    assert sorted(row.id for row in scene.of_session(SESSION_ID)) == ["b", "c"]


def test_who_finds_as_many_ahead_as_there_are_places_is_refused_at_once():
    scene = Scene(a_session())
    for name in ("a", "b"):
        MemoryConnections.add(scene, a_waiting_listener(id=name, joined_at=NOW - 1))
    MemoryConnections.add(scene, a_waiting_listener(id="z", joined_at=NOW + 1))

    with pytest.raises(SessionFull):
        scene.join()

    assert scene.now == NOW


def test_who_waits_for_one_behind_who_does_not_leave_loses_patience():
    scene = Scene(a_session())
    for name in ("y", "z"):
        MemoryConnections.add(scene, a_waiting_listener(id=name, joined_at=NOW + 1))

    with pytest.raises(SessionFull):
        scene.join()

    assert MAX_WAIT_MS <= scene.now - NOW <= MAX_WAIT_MS + 200
    assert "me" not in {row.id for row in scene.of_session(SESSION_ID)}


def test_who_died_at_the_door_is_in_nobodys_way_when_the_handshake_is_over():
    scene = Scene(a_session())
    for name in ("a", "b"):
        MemoryConnections.add(scene, a_waiting_listener(id=name))
    scene.now += HANDSHAKE_S * 1000

    scene.join()

    assert {row.id for row in scene.of_session(SESSION_ID) if row.admitted_at} == {"me"}


# the end comes meanwhile


@pytest.mark.parametrize("call", ["add", "of", "get after add"])
def test_a_session_that_ends_meanwhile_is_not_joined_and_no_row_is_left(call: str):
    scene = Scene(a_session())
    if call == "get after add":
        scene.on("of", lambda: scene.on("get", scene.end))
    else:
        scene.on(call, scene.end)

    with pytest.raises(SessionEnded):
        scene.join()

    assert scene.rows == {}


def test_a_session_that_ends_after_it_was_read_again_finds_the_row():
    scene = Scene(a_session())
    found: list[Connection] = []

    def end() -> None:
        scene.end()
        found.extend(scene.rows.values())

    scene.on("admit", end)

    scene.join()

    assert [row.id for row in found] == ["me"]


def test_who_was_let_go_before_admission_is_not_admitted():
    scene = Scene(a_session())
    scene.on("admit", scene.rows.clear)

    with pytest.raises(SessionEnded):
        scene.join()

    assert scene.rows == {}


def test_a_session_that_expires_meanwhile_is_not_joined():
    scene = Scene(a_session(expires_at=NOW_S + 1))
    scene.on("of", lambda: scene.sleep(1))

    with pytest.raises(SessionNotFound):
        scene.join()

    assert scene.rows == {}


def test_an_id_that_another_session_takes_meanwhile_lets_nobody_in():
    scene = Scene(a_session())
    newer = a_session(created_at=NOW + 1)
    scene.on("of", lambda: scene.sessions.rows.update({SESSION_ID: newer}))

    with pytest.raises(SessionEnded):
        scene.join()

    assert scene.rows == {}


# faults


@pytest.mark.parametrize("call", ["of", "admit"])
def test_a_fault_after_the_row_was_written_takes_it_back(call: str):
    scene = Scene(a_session())
    scene.on(call, fail)

    with pytest.raises(ServiceUnavailable):
        scene.join()

    assert scene.rows == {}


def test_a_bug_after_the_row_was_written_takes_it_back():
    scene = Scene(a_session())
    scene.on("admit", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        scene.join()

    assert scene.rows == {}


def test_a_row_whose_write_is_in_doubt_is_taken_back():
    class LosesTheAnswer(Scene):
        def add(self, connection: Connection) -> None:
            super().add(connection)
            raise ServiceUnavailable

    scene = LosesTheAnswer(a_session())

    with pytest.raises(ServiceUnavailable):
        scene.join()

    assert scene.rows == {}


def test_a_row_that_cannot_be_taken_back_is_soon_of_no_use():
    scene = Scene(a_session())
    scene.on("of", fail)
    scene.on("remove", fail)

    with pytest.raises(ServiceUnavailable):
        scene.join()

    assert [row.live(NOW + HANDSHAKE_S * 1000) for row in scene.rows.values()] == [False]


def fail() -> None:
    raise ServiceUnavailable
