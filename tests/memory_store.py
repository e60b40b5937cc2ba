"""A store in memory: tests/contract holds it to the same promises as DynamoDB's."""

from dataclasses import replace
from threading import Lock

from shared.sessions.service import Refused
from shared.sessions.session import Change, Guard, Session


class MemoryStore:
    """Sessions by id. Each write holds the lock, as each of DynamoDB's is atomic."""

    def __init__(self) -> None:
        self.rows: dict[str, Session] = {}
        self._lock = Lock()

    def add(self, session: Session, *, reusable_before: int) -> Session | Refused:
        with self._lock:
            holder = self.rows.get(session.id)
            if holder and holder.expires_at >= reusable_before:
                return Refused(holder)
            self.rows[session.id] = session
            return session

    def get(self, session_id: str) -> Session | None:
        return self.rows.get(session_id)

    def update(self, session_id: str, change: Change, guard: Guard) -> Session | Refused:
        with self._lock:
            current = self.rows.get(session_id)
            if current is None or guard.refusal(current):
                return Refused(current)
            changed = replace(current, **change.assignments(guard.now), version=current.version + 1)
            self.rows[session_id] = changed
            return changed
