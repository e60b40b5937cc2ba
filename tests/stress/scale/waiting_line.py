"""The earlier rule of admission, for comparison: each listener reads all rows and compares positions.

A listener that reads more rows than places waits, and reads again, until those before it fill the places or
those behind it have left.
"""

from collections.abc import Callable
from contextlib import ExitStack

from shared.audience.connection import HANDSHAKE_S, Connection, Role, expiry
from shared.audience.ports import ConnectionStore
from shared.errors import SessionEnded, SessionFull
from shared.sessions.get import GetSession
from shared.sessions.ports import SessionReader
from shared.sessions.session import Language, Status
from tests.support.memory_stores import MemoryConnections

MAX_WAIT_MS = 5000
WAIT_INTERVAL_S = 0.1


class UnconditionalConnections(MemoryConnections):
    """The connections table when its PutItem had no condition."""

    def add(self, connection: Connection) -> bool:
        self.rows[connection.session_id, connection.id] = connection
        return True


class WaitingLine:
    """The earlier Join. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: SessionReader,
        connections: ConnectionStore,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._connections = connections
        self._clock = clock
        self._sleep = sleep

    def __call__(self, session_id: str, connection_id: str) -> None:
        """Admit a listener. Raises SessionEnded, SessionNotFound, SessionFull, ServiceUnavailable."""
        session = self._get_session(session_id)
        now = self._clock()
        connection = Connection(
            session_id=session_id,
            id=connection_id,
            session_created_at=session.created_at,
            role=Role.LISTENER,
            target_language=Language.SPANISH,
            joined_at=now,
            expires_at=min(session.expires_at, now // 1000 + HANDSHAKE_S),
        )
        with ExitStack() as undo:
            undo.callback(self._connections.remove, session_id, connection_id)
            self._connections.add(connection)
            self._wait_for_admission(connection, session.max_listeners)
            if self._get_session(session_id).status is Status.ENDED:
                raise SessionEnded
            now = self._clock()
            if not self._connections.admit(connection, now, expiry(session, now)):
                raise SessionEnded
            undo.pop_all()

    def _wait_for_admission(self, candidate: Connection, limit: int) -> None:
        while True:
            now = self._clock()
            rows = self._connections.of_session(candidate.session_id)
            listeners = [row for row in rows if row.live(now)]
            if len(listeners) <= limit:
                return
            position = _position(candidate)
            before = sum(_position(row) < position for row in listeners if row.id != candidate.id)
            if before >= limit or now > candidate.joined_at + MAX_WAIT_MS:
                raise SessionFull
            self._sleep(WAIT_INTERVAL_S)


def _position(row: Connection) -> tuple[bool, int, str]:
    return (row.admitted_at is None, row.joined_at, row.id)
