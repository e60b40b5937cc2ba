"""Joining a session: who is admitted in which role, and which row remains when a join fails."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, LIFETIME_S, Connection, Role, SessionRef
from shared.audience.join import RECOUNT_INTERVAL_MS, Join, JoinOutcomes, Outcome, outcome
from shared.audience.ports import Places
from shared.errors import (
    FieldError,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
)
from shared.sessions.session import Language, Session, Status
from tests.support.connections import a_listener, a_waiting_listener
from tests.support.memory_stores import MemoryConnections, MemoryPlaces, MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session

SESSION_ID = "blessed-shepherd-427"
SESSION = SessionRef(SESSION_ID, NOW)
SPANISH = Language.SPANISH


class RecordedPlaces(MemoryPlaces):
    """A store in memory that calls `record` with the name of each method called."""

    def __init__(self, record: Callable[[str], None]) -> None:
        super().__init__()
        self._record = record

    def take(self, session: SessionRef, *, limit: int, delete_at: int) -> Places | None:
        self._record("take")
        return super().take(session, limit=limit, delete_at=delete_at)

    def claim_count(self, session: SessionRef, *, counted_at: int, now: int) -> bool:
        self._record("claim_count")
        return super().claim_count(session, counted_at=counted_at, now=now)


class Harness(MemoryConnections):
    """The use case over stores in memory, of which this is one. A session admits two listeners.

    `calls` lists the store methods called; `before` registers a function to run just before one of them.
    """

    def __init__(self, *sessions: Session) -> None:
        super().__init__()
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: replace(session, max_listeners=2) for session in sessions}
        self.places = RecordedPlaces(self._record)
        self.now = NOW
        self.calls: list[str] = []
        self._before: dict[str, Callable[[], Any]] = {}

    def before(self, method: str, function: Callable[[], Any]) -> None:
        """Run the function before each call of the method: get, add, take, of_session, admit, remove."""
        self._before[method] = function

    def join(
        self,
        connection_id: str = "candidate",
        *,
        caller: str | None = None,
        language: Language | None = SPANISH,
    ) -> Connection:
        """Join SESSION_ID in a new container."""
        return self.container()(SESSION_ID, connection_id, caller=caller, target_language=language)

    def container(self) -> Join:
        """Return the use case of a new container."""
        return Join(self, self, self.places, clock=lambda: self.now)

    def let_a_second_pass(self) -> None:
        self.now += 1000

    def end_session(self) -> None:
        session = self.sessions.rows[SESSION_ID]
        self.sessions.rows[SESSION_ID] = replace(session, status=Status.ENDED, ended_at=self.now)

    def ids(self) -> list[str]:
        """Return the ids of the connections that have a row, in order."""
        return sorted(connection_id for _, connection_id in self.rows)

    def taken(self) -> int:
        """Return the places taken of a_session()."""
        return self.places.get(SESSION).taken

    def get(self, session_id: str) -> Session | None:
        self._record("get")
        return self.sessions.get(session_id)

    def add(self, connection: Connection) -> bool:
        self._record("add")
        return super().add(connection)

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


def crashed_join(harness: Harness, connection_id: str) -> None:
    """Leave the row and the place of a function that was killed before the admission."""
    harness.rows[SESSION_ID, connection_id] = a_waiting_listener(id=connection_id)
    MemoryPlaces.take(harness.places, SESSION, limit=2, delete_at=NOW_S)


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
        harness.container()(session_id, "candidate", caller=None, target_language=SPANISH)

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


def test_the_row_is_written_before_the_place_is_taken():
    harness = Harness(a_session())

    harness.join()

    assert harness.calls == ["get", "add", "take", "get", "admit"]


def test_a_row_of_another_join_with_the_connections_id_is_left_alone():
    harness = Harness(a_session())
    other = a_listener(id="candidate", joined_at=NOW - 1)
    harness.rows[SESSION_ID, "candidate"] = other

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert list(harness.rows.values()) == [other]
    assert harness.taken() == 0


# full sessions


def test_listeners_are_admitted_up_to_the_limit_and_speakers_always():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")

    with pytest.raises(SessionFull):
        harness.join("c")
    harness.join("s1", caller=ALICE, language=None)
    harness.join("s2", caller=ALICE, language=None)

    assert harness.ids() == ["a", "b", "s1", "s2"]
    assert harness.taken() == 2


def test_a_listener_that_leaves_makes_room_for_another_once_the_places_are_counted():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    harness.remove(SESSION_ID, "a")

    harness.join("c")

    assert harness.ids() == ["b", "c"]
    assert harness.taken() == 2


def test_a_full_session_is_counted_by_the_first_join_that_finds_it_so():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    harness.calls.clear()

    with pytest.raises(SessionFull):
        harness.join("c")

    assert harness.calls == ["get", "add", "take", "claim_count", "of_session", "take", "remove"]


def test_a_full_session_is_counted_by_its_joins_every_two_seconds_at_most():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    counts = 0
    for number in range(50):
        harness.calls.clear()
        with pytest.raises(SessionFull):
            harness.join(f"c{number}")
        counts += harness.calls.count("of_session")
        harness.now += 100

    assert counts == 50 * 100 // RECOUNT_INTERVAL_MS + 1


def test_of_two_joins_that_find_the_session_full_at_once_one_counts_it():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    other = harness.container()

    def join_in_another_container() -> None:
        harness.before("claim_count", lambda: None)
        with pytest.raises(SessionFull):
            other(SESSION_ID, "d", caller=None, target_language=SPANISH)

    harness.before("claim_count", join_in_another_container)
    harness.calls.clear()

    with pytest.raises(SessionFull):
        harness.join("c")

    assert harness.calls.count("claim_count") == 2
    assert harness.calls.count("of_session") == 1


def test_places_of_crashed_joins_are_free_again_after_the_handshake():
    harness = Harness(a_session())
    crashed_join(harness, "a")
    crashed_join(harness, "b")
    with pytest.raises(SessionFull):
        harness.join("too early")
    harness.now += HANDSHAKE_S * 1000

    harness.join("c")
    harness.join("d")

    assert harness.ids() == ["c", "d"]


def test_a_container_remembers_for_two_seconds_that_a_session_is_full():
    harness = Harness(a_session())
    harness.join("a")
    harness.join("b")
    join = harness.container()
    with pytest.raises(SessionFull):
        join(SESSION_ID, "c", caller=None, target_language=SPANISH)
    harness.remove(SESSION_ID, "a")
    harness.now += RECOUNT_INTERVAL_MS - 1
    harness.calls.clear()

    with pytest.raises(SessionFull):
        join(SESSION_ID, "d", caller=None, target_language=SPANISH)
    calls = list(harness.calls)
    harness.now += 1
    join(SESSION_ID, "e", caller=None, target_language=SPANISH)

    assert calls == ["get"]
    assert harness.ids() == ["b", "e"]


def test_a_container_that_remembers_a_full_session_admits_its_speaker_and_listeners_of_others():
    other = a_session(id="holy-psalm-100")
    harness = Harness(a_session(), other)
    harness.join("a")
    harness.join("b")
    join = harness.container()
    with pytest.raises(SessionFull):
        join(SESSION_ID, "c", caller=None, target_language=SPANISH)

    join(SESSION_ID, "speaker", caller=ALICE, target_language=None)
    join(other.id, "d", caller=None, target_language=SPANISH)

    assert harness.ids() == ["a", "b", "d", "speaker"]


def test_a_container_forgets_full_sessions():
    sessions = [a_session(id=f"holy-psalm-{number}") for number in range(100, 150)]
    harness = Harness(*sessions)
    join = harness.container()
    for session in sessions:
        harness.places.rows[SessionRef(session.id, NOW)] = Places(taken=2, counted_at=harness.now)
        with pytest.raises(SessionFull):
            join(session.id, "candidate", caller=None, target_language=SPANISH)
        harness.now += RECOUNT_INTERVAL_MS

    assert len(join._full_until) == 1


# the session ends during the join


@pytest.mark.parametrize("method", ["add", "take", "get after take"])
def test_a_session_that_ends_during_the_join_is_not_joined_and_no_row_remains(method: str):
    harness = Harness(a_session())
    if method == "get after take":
        harness.before("take", lambda: harness.before("get", harness.end_session))
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


def test_a_connection_whose_row_was_removed_by_the_end_of_the_session_is_refused():
    harness = Harness(a_session())

    def end_session() -> None:
        harness.end_session()
        harness.rows.clear()

    harness.before("admit", end_session)

    with pytest.raises(SessionEnded):
        harness.join()

    assert harness.rows == {}


def test_a_connection_whose_row_has_lapsed_to_another_clock_is_refused_for_a_moment():
    harness = Harness(a_session())
    harness.before("admit", harness.rows.clear)

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert harness.rows == {}


def test_a_session_that_expires_during_the_join_is_not_joined():
    harness = Harness(a_session(expires_at=NOW_S + 1))
    harness.before("take", harness.let_a_second_pass)

    with pytest.raises(SessionNotFound):
        harness.join()

    assert harness.rows == {}


def test_a_session_whose_id_is_reused_during_the_join_is_not_joined():
    harness = Harness(a_session())
    newer = a_session(created_at=NOW + 1)
    harness.before("take", lambda: harness.sessions.rows.update({SESSION_ID: newer}))

    with pytest.raises(SessionEnded):
        harness.join()

    assert harness.rows == {}


# faults


@pytest.mark.parametrize("method", ["take", "admit"])
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
        def add(self, connection: Connection) -> bool:
            super().add(connection)
            raise ServiceUnavailable

    harness = LosesResponse(a_session())

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert harness.rows == {}


def test_a_row_that_cannot_be_removed_expires_after_the_handshake():
    harness = Harness(a_session())
    harness.before("take", fail)
    harness.before("remove", fail)

    with pytest.raises(ServiceUnavailable):
        harness.join()

    assert [row.live(NOW + HANDSHAKE_S * 1000) for row in harness.rows.values()] == [False]


def test_a_place_that_a_failed_join_has_taken_is_given_back_when_the_places_are_counted():
    harness = Harness(a_session())
    harness.before("admit", fail)
    for connection_id in ("a", "b"):
        with pytest.raises(ServiceUnavailable):
            harness.join(connection_id)
    harness.before("admit", lambda: None)
    taken = harness.taken()

    harness.join("c")
    harness.join("d")

    assert taken == 2
    assert harness.ids() == ["c", "d"]


# outcomes


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, Outcome.JOINED),
        (SessionFull(), Outcome.FULL),
        (RateLimited(1), Outcome.LIMITED),
        (SessionNotFound(), Outcome.REFUSED),
        (SessionEnded(), Outcome.REFUSED),
        (InvalidRequest(FieldError("sessionId", "sessionId is required")), Outcome.REFUSED),
        (ServiceUnavailable(), Outcome.FAULT),
        (ZeroDivisionError(), Outcome.FAULT),
        (KeyboardInterrupt(), Outcome.FAULT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_each_join_has_one_outcome(error: BaseException | None, expected: Outcome):
    assert outcome(error) is expected


def test_the_outcome_of_a_join_is_counted_once_and_its_exception_raised():
    counted: list[Outcome] = []
    outcomes = JoinOutcomes(counted.append)

    with outcomes:
        pass
    with pytest.raises(SessionFull), outcomes:
        raise SessionFull

    assert counted == [Outcome.JOINED, Outcome.FULL]
