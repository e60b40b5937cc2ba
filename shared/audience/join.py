"""Join a session: admit a speaker or a listener.

A listener takes a place first: see places.py for why a session never has more listeners than places.
"""

from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING

from shared.audience.connection import HANDSHAKE_S, Connection, Role, SessionRef, expiry
from shared.audience.places import CountPlaces
from shared.errors import (
    FieldError,
    InvalidRequest,
    RateLimited,
    Refusal,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
)
from shared.sessions.get import GetSession
from shared.sessions.session import GRACE_S, Language, Session, Status

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionStore, PlaceStore
    from shared.sessions.ports import SessionReader

# How often the joins of a full session count its places again, and how long one container refuses listeners
# without a call after it has found the session full.
RECOUNT_INTERVAL_MS = 2000


class Outcome(StrEnum):
    """How a join ended, as the metric has it."""

    JOINED = "joined"
    FULL = "full"
    LIMITED = "limited"
    REFUSED = "refused"
    FAULT = "fault"


class Join:
    """Admit a connection to a session. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: "SessionReader",
        connections: "ConnectionStore",
        places: "PlaceStore",
        clock: Callable[[], int],
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._connections = connections
        self._places = places
        self._count_places = CountPlaces(places, connections, clock)
        self._clock = clock
        self._full_until: dict[SessionRef, int] = {}

    def __call__(
        self, session_id: str, connection_id: str, *, caller: str | None, target_language: Language | None
    ) -> Connection:
        """Admit the session's own speaker if there is no target language, otherwise a listener.

        Raises InvalidRequest, SessionNotFound, SessionEnded, SessionFull, ServiceUnavailable; the row is
        removed then. A place that was taken stays so until the places are counted.
        """
        session = self._running_session(session_id)
        role = Role.SPEAKER if caller == session.speaker and target_language is None else Role.LISTENER
        if role is Role.LISTENER and target_language is None:
            raise InvalidRequest(FieldError("targetLanguage", "targetLanguage is required"))
        now = self._clock()
        connection = Connection(
            session_id=session_id,
            id=connection_id,
            session_created_at=session.created_at,
            role=role,
            target_language=target_language,
            joined_at=now,
            expires_at=min(session.expires_at, now // 1000 + HANDSHAKE_S),
        )
        if role is Role.LISTENER and self._full_until.get(connection.session, 0) > now:
            raise SessionFull
        with ExitStack() as undo:
            # Registered before the write, because a write that fails may have been applied.
            undo.callback(self._connections.remove, session_id, connection_id)
            if not self._connections.add(connection):
                undo.pop_all()  # the row is another join's
                raise ServiceUnavailable
            if role is Role.LISTENER:
                self._take_place(session, connection)
            # If the session ends at the same time, either its drain finds the row or this read finds the end.
            self._check_running(connection)
            # Last: until here the row expires soon if this function dies, from here on it takes hours.
            now = self._clock()
            if not self._connections.admit(connection, now, expiry(session, now)):
                # The end of the session has removed the row, or a count to whose clock it has lapsed.
                self._check_running(connection)
                raise ServiceUnavailable
            undo.pop_all()
        return connection

    def _running_session(self, session_id: str) -> Session:
        session = self._get_session(session_id)
        if session.status is Status.ENDED:
            raise SessionEnded
        return session

    def _check_running(self, connection: Connection) -> None:
        """Raise SessionEnded or SessionNotFound if the connection's session does not run any more."""
        if not connection.belongs_to(self._running_session(connection.session_id)):
            raise SessionEnded

    def _take_place(self, session: Session, connection: Connection) -> None:
        """Take a place. Raises SessionFull, but not before the places were counted in the last seconds."""
        ref, limit, delete_at = connection.session, session.max_listeners, session.expires_at + GRACE_S
        places = self._places.take(ref, limit=limit, delete_at=delete_at)
        if places is None:
            return
        now = self._clock()
        if now - places.counted_at >= RECOUNT_INTERVAL_MS and self._places.claim_count(
            ref, counted_at=places.counted_at, now=now
        ):
            # Joins that were killed or failed have left their places taken.
            self._count_places(ref, without_place=connection.id)
            if self._places.take(ref, limit=limit, delete_at=delete_at) is None:
                return
        self._remember_full(ref)
        raise SessionFull

    def _remember_full(self, ref: SessionRef) -> None:
        now = self._clock()
        remembered = {full: until for full, until in list(self._full_until.items()) if until > now}
        self._full_until = remembered | {ref: now + RECOUNT_INTERVAL_MS}


class JoinOutcomes:
    """A context manager that calls `count` with the outcome of the join that runs in it."""

    def __init__(self, count: Callable[[Outcome], None]) -> None:
        self._count = count

    def __enter__(self) -> None:
        """Do nothing: only the end of a join is counted."""

    def __exit__(
        self, _type: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        """Count the outcome. An exception is raised further."""
        self._count(outcome(error))


def outcome(error: BaseException | None) -> Outcome:
    """Return the outcome of a join that has raised this exception, or none."""
    match error:
        case None:
            return Outcome.JOINED
        case SessionFull():
            return Outcome.FULL
        case RateLimited():
            return Outcome.LIMITED
        case Refusal() if not isinstance(error, ServiceUnavailable):
            return Outcome.REFUSED
        case _:
            return Outcome.FAULT
