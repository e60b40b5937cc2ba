"""What the use cases of sessions need: stores and metrics."""

from typing import Protocol

from shared.sessions.keys import IdempotencyKey, KeyRow, KeyTaken
from shared.sessions.session import ConditionFailed, Precondition, Session, SessionPatch


class SessionReader(Protocol):
    """Reads sessions."""

    def get(self, session_id: str) -> Session | None:
        """Return the last written session of this id, expired or not. Raises ServiceUnavailable."""


class SessionStore(SessionReader, Protocol):
    """Stores sessions. Each write is one atomic conditional call; if its outcome is unknown it raises
    ServiceUnavailable, or WriteConflict if another write to the same row was in progress.
    """

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        """Write the session unless its id is taken by one that expires at `reusable_before` or later.

        `reusable_before` is epoch seconds.
        """

    def update(
        self, session_id: str, patch: SessionPatch, precondition: Precondition
    ) -> Session | ConditionFailed:
        """Apply the patch and raise the version if the precondition holds; return the new session."""


class KeyStore(Protocol):
    """Stores idempotency keys, each with the session that it has created."""

    def add_with_key(
        self, session: Session, key: IdempotencyKey, *, reusable_before: int
    ) -> Session | KeyTaken | ConditionFailed:
        """Write the session and the row of its key, both or neither.

        KeyTaken if the key has a row that has not expired at `session.created_at`, otherwise ConditionFailed
        as `add` of SessionStore. Raises ServiceUnavailable, or WriteConflict if another write to one of the
        rows was in progress. After both, the rows may be there: then the same call again returns the session.
        """

    def get(self, digest: str) -> KeyRow | None:
        """Return the row of the key of this digest, expired or not. Raises ServiceUnavailable."""


class SessionMetrics(Protocol):
    """Counts for operators."""

    def session_created(self, session: Session) -> None:
        """Count a new session; not called when a replay returns an earlier one."""

    def session_ended(self, session: Session) -> None:
        """Count a session that its speaker has ended; called once per session."""

    def session_id_clash(self) -> None:
        """Count a candidate id that another session holds."""
