"""Join a session: admit a speaker or a listener."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from shared.audience.connection import HANDSHAKE_S, Admission, Connection, Role, admission, expiry
from shared.errors import FieldError, InvalidRequest, SessionEnded, SessionFull
from shared.sessions.get import GetSession
from shared.sessions.session import Language, Session, Status

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionStore
    from shared.sessions.ports import SessionReader

# How long a listener waits for others to find the session full and leave; the function has 10 s.
MAX_WAIT_MS = 5000
WAIT_INTERVAL_S = 0.1


class Join:
    """Admit a connection to a session. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: "SessionReader",
        connections: "ConnectionStore",
        *,
        max_listeners: int,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._connections = connections
        self._max_listeners = max_listeners
        self._clock = clock
        self._sleep = sleep

    def __call__(
        self, session_id: str, connection_id: str, *, caller: str | None, target_language: Language | None
    ) -> Connection:
        """Admit the session's own speaker if there is no target language, otherwise a listener.

        Raises InvalidRequest, SessionNotFound, SessionEnded, SessionFull, ServiceUnavailable; the row is
        removed then.
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
        with ExitStack() as undo:
            # Registered before the write, because a write that fails may have been applied.
            undo.callback(self._connections.remove, session_id, connection_id)
            self._connections.add(connection)
            if role is Role.LISTENER:
                self._wait_for_admission(connection)
            # If the session ends at the same time, either its drain finds the row or this read finds the end.
            if not connection.belongs_to(self._running_session(session_id)):
                raise SessionEnded
            # Last: until here the row expires soon if this function dies, from here on it takes hours.
            now = self._clock()
            if not self._connections.admit(connection, now, expiry(session, now)):
                raise SessionEnded
            undo.pop_all()
        return connection

    def _running_session(self, session_id: str) -> Session:
        session = self._get_session(session_id)
        if session.status is Status.ENDED:
            raise SessionEnded
        return session

    def _wait_for_admission(self, candidate: Connection) -> None:
        while True:
            now = self._clock()
            rows = self._connections.of_session(candidate.session_id)
            decision = admission(candidate, rows, self._max_listeners, now)
            if decision is Admission.ADMITTED:
                return
            if decision is Admission.FULL or now > candidate.joined_at + MAX_WAIT_MS:
                raise SessionFull
            self._sleep(WAIT_INTERVAL_S)
