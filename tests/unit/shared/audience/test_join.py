"""Joining a session: who is admitted in which role, and which row remains when a join fails."""

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


class Harness(MemoryConnections):
    """The use case over stores in memory, of which this is both. Sleeping advances the clock.

    `calls` lists the store methods called; `before` registers a function to run just before one of them.
    """

    def __init__(self, *sessions: Session) -> None:
        super().__init__()
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.now = NOW
        self.calls: list[str] = []
        self._before: dict[str, Callable[[], Any]] = {}

    def before(self, method: str, function: Callable[[], Any]) -> None:
        """Run the function before each call of the method: add, get, of_session, admit, remove."""
        self._before[method] = function

    def join(
        self,
        connection_id: str = "candidate",
        *,
        caller: str | None = None,
        language: Language | None = SPANISH,
    ) -> Connection:
        """Join SESSION_ID, which admits at most two listeners."""
        return self.use_case(SESSION_ID, connection_id, caller=caller, target_language=language)

    @property
    def use_case(self) -> Join:
        return Join(self, self, max_listeners=2, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def end_session(self) -> None:
        session = self.sessions.rows[SESSION_ID]
        self.sessions.rows[SESSION_ID] = replace(session, status=Status.ENDED, ended_at=self.now)

    def get(self, session_id: str) -> Session | None:
        self._record("get")
        return self.sessions.get(session_id)

    def add(self, connection: Connection) -> None:
        self._record("add")
        super().add(connection)

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        self._record("admit")
        return super().admit(connection, now, expires_at)

    def remove(self, session_id: str, connection_id: str) -> None:
        self._record("remove")
        super().remove(session_id, connection_id)

    def of_session(self, session_id: str) -> list[Connection]:
        self._record("of_session")
        return super().of_session(session_id)

    def _record(self, method: str) -> None:
        self.calls.append(method)
        self._before.get(method, lambda: None)()


def add_row(harness: Harness, connection: Connection) -> None:
    """Add a connection without recording the call."""
    MemoryConnections.add(harness, connection)


def fail() -> None:
    raise ServiceUnavailable


# roles


@pytest.mark.parametrize(
    ("caller", "language", "role"),
    [
        (ALICE, None, Role.SPEAKER),
        (ALICE, SPANISH, Role.LISTENER),
        (BOB, SPANISH, Role.LISTENER),
        (None, SPANISH, Role.LISTENER),
    ],
    ids=["the speaker", "the speaker with a target language", "another speaker", "an anonymous caller"],
)
def test_the_sessions_speaker_without_a_target_language_speaks_and_everybody_else_listens(
    caller: str | None, language: Language | None, role: Role
):
    harness = Harness(a_session())

    connection = harness.join(caller=caller, language=language)

    assert (connection.role, connection.target_language) == (role, language)
    assert [row.role for row in harness.of_session(SESSION_ID)] == [role]


@pytest.mark.parametrize("caller", [None, BOB])
def test_a_listener_must_give_a_target_language(caller: str | None):
    harness = Harness(a_session())

    with pytest.raises(InvalidRequest) as error:
        harness.join(caller=caller, language=None)

    assert error.value.fields == (FieldError("targetLanguage", "targetLanguage is required"),)
    assert harness.rows == {}


# sessions


def test_a_paused_session_can_be_joined():
    harness = Harness(a_session(status=Status.PAUSED))

    harness.join()

    assert len(harness.rows) == 1


@pytest.mark.parametrize(
    ("session", "error"),
    [
        (None, SessionNotFound),
        (a_session(expires_at=NOW_S), SessionNotFound),
        (a_session(expires_at=NOW_S, status=Status.ENDED), SessionNotFound),
        (a_session(status=Status.ENDED), SessionEnded),
    ],
    ids=["absent", "expired", "ended and expired", "ended"],
)
def test_a_session_that_is_not_running_cannot_be_joined_and_no_row_is_written(
    session: Session | None, error: type[Exception]
):
    harness = Harness(*([session] if session else []))

    with pytest.raises(error):
        harness.join()

    assert harness.calls == ["get"]


@pytest.mark.parametrize(
    "session_id", ["", "blessed-shepherd", "x" * 2000, "Blessed-Shepherd-427", "a-b-1\n"]
)
def test_a_malformed_session_id_is_not_looked_up(session_id: str):
    harness = Harness(a_session())

    with pytest.raises(SessionNotFound):
        harness.use_case(session_id, "candidate", caller=None, target_language=SPANISH)

    assert harness.calls == []


# rows


def test_the_row_of_an_admitted_listener_has_all_its_fields():
    harness = Harness(a_session())

    harness.join()

    assert harness.of_session(SESSION_ID) == [a_listener(id="candidate", expires_at=NOW_S + LIFETIME_S)]


def test_a_row_expires_with_its_session():
    harness = Harness(a_session(expires_at=NOW_S + 60))

    harness.join()

    assert [row.expires_at for row in harness.of_session(SESSION_ID)] == [NOW_S + 60]


def test_the_row_of_a_waiting_listener_expires_after_the_handshake():
    harness = Harness(a_session())
    waiting: list[Connection] = []
    harness.before("admit", lambda: waiting.extend(harness.rows.values()))

    harness.join()

    assert waiting == [a_waiting_listener(id="candidate", expires_at=NOW_S + HANDSHAKE_S)]


def test_the_row_is_written_before_the_session_is_read_again():
    harness = Harness(a_session())

    harness.join()

    assert harness.calls.index("add") < len(harness.calls) - 1 - harness.calls[::-1].index("get")


def test_admission_is_the_last_write_so_that_a_crashed_joins_row_expires_soon():
    harness = Harness(a_session())

    harness.join()

    assert harness.calls[-1] == "admit"


# full sessions


def test_listeners_are_admitted_up_to_the_limit_and_speakers_always():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")

    with pytest.raises(SessionFull):
        harness.join("c")
    harness.join("s1", caller=ALICE, language=None)
    harness.join("s2", caller=ALICE, language=None)

    assert sorted(row.id for row in harness.of_session(SESSION_ID)) == ["a", "b", "s1", "s2"]


def test_a_listener_that_leaves_makes_room_for_another():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    harness.remove(SESSION_ID, "a")

    harness.join("c")

    assert sorted(row.id for row in harness.of_session(SESSION_ID)) == ["b", "c"]


def test_a_listener_with_limit_listeners_before_it_is_refused_at_once():
    harness = Harness(a_session())
    for connection_id in ("a", "b"):
        add_row(harness, a_waiting_listener(id=connection_id, joined_at=NOW - 1))
    add_row(harness, a_waiting_listener(id="z", joined_at=NOW + 1))

    with pytest.raises(SessionFull):
        harness.join()

    assert harness.now == NOW


def test_a_listener_that_waits_in_vain_for_later_ones_to_leave_is_refused_after_the_maximum_wait():
    harness = Harness(a_session())
    for connection_id in ("y", "z"):
        add_row(harness, a_waiting_listener(id=connection_id, joined_at=NOW + 1))

    with pytest.raises(SessionFull):
        harness.join()

    assert MAX_WAIT_MS < harness.now - NOW <= MAX_WAIT_MS + 200
    assert "candidate" not in {row.id for row in harness.of_session(SESSION_ID)}


def test_rows_of_crashed_joins_block_no_place_after_the_handshake():
    harness = Harness(a_session())
    for connection_id in ("a", "b"):
        add_row(harness, a_waiting_listener(id=connection_id))
    harness.now += HANDSHAKE_S * 1000

    harness.join()

    assert {row.id for row in harness.of_session(SESSION_ID) if row.admitted_at} == {"candidate"}


# the session ends during the join


@pytest.mark.parametrize("method", ["add", "of_session", "get after add"])
def test_a_session_that_ends_during_the_join_is_not_joined_and_no_row_remains(method: str):
    harness = Harness(a_session())
    if method == "get after add":
        harness.before("of_session", lambda: harness.before("get", harness.end_session))
    else:
        harness.before(method, harness.end_session)

    with pytest.raises(SessionEnded):
        harness.join()

    assert harness.rows == {}


def test_a_session_that_ends_after_it_was_read_again_finds_the_row():
    harness = Harness(a_session())
    rows_at_end: list[Connection] = []

    def end_session() -> None:
        harness.end_session()
        rows_at_end.extend(harness.rows.values())

    harness.before("admit", end_session)

    harness.join()

    assert [row.id for row in rows_at_end] == ["candidate"]


def test_a_connection_whose_row_was_removed_before_admission_is_refused():
    harness = Harness(a_session())
    harness.before("admit", harness.rows.clear)

    with pytest.raises(SessionEnded):
        harness.join()

    assert harness.rows == {}


def test_a_session_that_expires_during_the_join_is_not_joined():
    harness = Harness(a_session(expires_at=NOW_S + 1))
    harness.before("of_session", lambda: harness.sleep(1))

    with pytest.raises(SessionNotFound):
        harness.join()

    assert harness.rows == {}


def test_a_session_whose_id_is_reused_during_the_join_is_not_joined():
    harness = Harness(a_session())
    newer = a_session(created_at=NOW + 1)
    harness.before("of_session", lambda: harness.sessions.rows.update({SESSION_ID: newer}))

    with pytest.raises(SessionEnded):
        harness.join()

    assert harness.rows == {}


# faults


@pytest.mark.parametrize("method", ["of_session", "admit"])
def test_a_fault_after_the_write_removes_the_row(method: str):
    harness = Harness(a_session())
    harness.before(method, fail)

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert harness.rows == {}


def test_a_bug_after_the_write_removes_the_row():
    harness = Harness(a_session())
    harness.before("admit", lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        harness.join()

    assert harness.rows == {}


def test_a_write_that_fails_but_was_applied_is_undone():
    class LosesResponse(Harness):
        def add(self, connection: Connection) -> None:
            super().add(connection)
            raise ServiceUnavailable

    harness = LosesResponse(a_session())

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert harness.rows == {}


def test_a_row_that_cannot_be_removed_expires_after_the_handshake():
    harness = Harness(a_session())
    harness.before("of_session", fail)
    harness.before("remove", fail)

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert [row.live(NOW + HANDSHAKE_S * 1000) for row in harness.rows.values()] == [False]
