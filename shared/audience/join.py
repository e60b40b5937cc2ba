"""Coming to a session and leaving it."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

from shared.audience.connection import HANDSHAKE_S, Connection, Role, Standing, expiry, standing
from shared.errors import FieldError, InvalidRequest, SessionEnded, SessionFull, SessionNotFound
from shared.sessions import ids
from shared.sessions.session import Language, Session, Status

# How long a listener waits for others to find the session full and leave; the function has 10 s.
PATIENCE_MS = 5000
PAUSE_S = 0.1


class SessionReader(Protocol):
    """Where sessions are read, consistently."""

    def get(self, session_id: str) -> Session | None:
        """Read what was last written under the id, expired or not."""


class ConnectionStore(Protocol):
    """Where connections are kept. Each write is one atomic call; in doubt it raises TryAgainLater."""

    def add(self, connection: Connection) -> None:
        """Write the row."""

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """Mark the row as admitted at `now` (ms) until `expires_at` (epoch s); False when it is gone."""

    def remove(self, session_id: str, connection_id: str) -> None:
        """Delete the row, if it is there."""

    def of(self, session_id: str) -> list[Connection]:
        """Read all rows under the session's id, consistently, live or not."""


class Attendance:
    """Who is at a session. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: SessionReader,
        connections: ConnectionStore,
        *,
        max_listeners: int,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._max_listeners = max_listeners
        self._clock = clock
        self._sleep = sleep

    def join(
        self, session_id: str, connection_id: str, *, caller: str | None, target_language: Language | None
    ) -> Connection:
        """Let the caller in: the session's speaker when no language is asked for, else a listener.

        Raises InvalidRequest, SessionNotFound, SessionEnded, SessionFull, TryAgainLater; no row is left then.
        """
        session = self._running(session_id)
        role = Role.SPEAKER if caller == session.speaker and target_language is None else Role.LISTENER
        if role is Role.LISTENER and target_language is None:
            raise InvalidRequest(FieldError("targetLanguage", "targetLanguage is required"))
        now = self._clock()
        mine = Connection(
            session_id=session_id,
            id=connection_id,
            session_created_at=session.created_at,
            role=role,
            target_language=target_language,
            joined_at=now,
            expires_at=min(session.expires_at, now // 1000 + HANDSHAKE_S),
        )
        with ExitStack() as undo:
            # Before the write: one that fails may have been made.
            undo.callback(self._connections.remove, session_id, connection_id)
            self._connections.add(mine)
            if role is Role.LISTENER:
                self._find_place(mine)
            # Whoever ends the session meanwhile finds the row, or else this read finds the end.
            if not mine.belongs_to(self._running(session_id)):
                raise SessionEnded
            # Last: the row of a function that dies before is of no use soon, an admitted one takes hours.
            now = self._clock()
            if not self._connections.admit(mine, now, expiry(session, now)):
                raise SessionEnded
            undo.pop_all()
        return mine

    def _running(self, session_id: str) -> Session:
        session = self._sessions.get(session_id) if ids.is_session_id(session_id) else None
        if session is None or not session.live(self._clock()):
            raise SessionNotFound
        if session.status is Status.ENDED:
            raise SessionEnded
        return session

    def _find_place(self, mine: Connection) -> None:
        while True:
            now = self._clock()
            place = standing(mine, self._connections.of(mine.session_id), self._max_listeners, now)
            if place is Standing.ADMITTED:
                return
            if place is Standing.FULL or now > mine.joined_at + PATIENCE_MS:
                raise SessionFull
            self._sleep(PAUSE_S)
