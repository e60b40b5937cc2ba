"""A store and an index in memory: tests/contract holds them to the same promises as DynamoDB's."""

from dataclasses import replace
from threading import Lock

from shared.sessions.list import Page, Position
from shared.sessions.session import ConditionFailed, Precondition, Session, SessionPatch, Status


class MemoryStore:
    """Sessions by id. Each write holds the lock, as each of DynamoDB's is atomic."""

    def __init__(self) -> None:
        self.rows: dict[str, Session] = {}
        self._lock = Lock()

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        with self._lock:
            holder = self.rows.get(session.id)
            if holder and holder.expires_at >= reusable_before:
                return ConditionFailed(holder)
            self.rows[session.id] = session
            return session

    def get(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    def update(self, session_id: str, change: SessionPatch, guard: Precondition) -> Session | ConditionFailed:
        with self._lock:
            current = self.rows.get(session_id)
            if current is None or guard.refusal(current):
                return ConditionFailed(current)
            changed = replace(current, **change.assignments(guard.now), version=current.version + 1)
            self.rows[session_id] = changed
            return changed


class MemoryIndex:
    """The sessions of a memory store by speaker."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        found = sorted(
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
        return Page(found[:limit], _position(found[limit - 1]) if len(found) > limit else None)


def _position(session: Session) -> Position:
    return Position(session.created_at, session.id)
