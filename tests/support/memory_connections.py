"""Connections, rate limits and counts in memory: tests/contract holds each to the promises of its table."""

from dataclasses import replace
from threading import Lock

from shared.audience.connection import Connection, SessionRef
from shared.sessions.session import Session


class MemoryConnections:
    """Connections by session and id. Each write holds the lock, as each of DynamoDB's is atomic."""

    def __init__(self, *rows: Connection) -> None:
        self.rows = {(row.session_id, row.id): row for row in rows}
        self._lock = Lock()

    def add(self, connection: Connection) -> None:
        with self._lock:
            self.rows[connection.session_id, connection.id] = connection

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        with self._lock:
            key = connection.session_id, connection.id
            if key not in self.rows:
                return False
            self.rows[key] = replace(self.rows[key], admitted_at=now, expires_at=expires_at)
            return True

    def remove(self, session_id: str, connection_id: str) -> None:
        with self._lock:
            self.rows.pop((session_id, connection_id), None)

    def of_session(self, session_id: str) -> list[Connection]:
        with self._lock:
            return [row for _, row in sorted(self.rows.items()) if row.session_id == session_id]


class MemoryLimits:
    """Uses by key, and until when they are kept."""

    def __init__(self) -> None:
        self.uses: dict[str, int] = {}
        self.expires_at: dict[str, int] = {}
        self._lock = Lock()

    def take(self, key: str, limit: int, expires_at: int) -> bool:
        with self._lock:
            if self.uses.get(key, 0) >= limit:
                return False
            self.uses[key] = self.uses.get(key, 0) + 1
            self.expires_at[key] = expires_at
            return True


class MemoryCounts:
    """Listener counts on the sessions that a MemoryStore holds."""

    def __init__(self, sessions: dict[str, Session]) -> None:
        self._sessions = sessions
        self._notified_at: dict[SessionRef, int] = {}

    def set_listener_count(self, session: SessionRef, count: int) -> bool:
        if not self._exists(session):
            return False
        self._sessions[session.id] = replace(self._sessions[session.id], listener_count=count)
        return True

    def may_notify_speaker(self, session: SessionRef, now: int, interval_ms: int) -> bool:
        if not self._exists(session) or self._notified_at.get(session, 0) > now - interval_ms:
            return False
        self._notified_at[session] = now
        return True

    def _exists(self, session: SessionRef) -> bool:
        row = self._sessions.get(session.id)
        return row is not None and row.created_at == session.created_at
