"""The stores in memory. Each passes the same contract tests as its DynamoDB table.

A write holds a lock, because a write to DynamoDB is atomic.
"""

from dataclasses import replace
from threading import Lock

from shared.audience.connection import Connection, SessionRef
from shared.sessions.list import Page, Position
from shared.sessions.session import ConditionFailed, Precondition, Session, SessionPatch, Status


class MemorySessions:
    """The SessionStore: `rows` by session id."""

    def __init__(self) -> None:
        self.rows: dict[str, Session] = {}
        self._lock = Lock()

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        with self._lock:
            current = self.rows.get(session.id)
            if current and current.expires_at >= reusable_before:
                return ConditionFailed(current)
            self.rows[session.id] = session
            return session

    def get(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    def update(
        self, session_id: str, patch: SessionPatch, precondition: Precondition
    ) -> Session | ConditionFailed:
        with self._lock:
            current = self.rows.get(session_id)
            if current is None or precondition.refusal(current):
                return ConditionFailed(current)
            updated = replace(current, **patch.assignments(precondition.now), version=current.version + 1)
            self.rows[session_id] = updated
            return updated


class MemorySpeakerIndex:
    """The SessionIndex over a MemorySessions."""

    def __init__(self, store: MemorySessions) -> None:
        self._store = store

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        matching = sorted(
            (
                session
                for session in self._store.rows.values()
                if session.speaker == speaker and session.created_at >= since
                if status in (None, session.status)
                if after is None or _position(session) < after
            ),
            key=_position,
            reverse=True,
        )
        return Page(matching[:limit], _position(matching[limit - 1]) if len(matching) > limit else None)


class MemoryConnections:
    """The ConnectionStore: `rows` by session id and connection id."""

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


class MemoryListenerCounts:
    """The ListenerCountStore over the rows of a MemorySessions."""

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


class MemoryRateLimits:
    """The UseStore: `uses` and `expires_at` (epoch seconds) by key."""

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


def _position(session: Session) -> Position:
    return Position(session.created_at, session.id)
