"""What the use cases of sessions need: a store and metrics."""

from typing import Protocol

from shared.sessions.session import ConditionFailed, Precondition, Session, SessionPatch


class SessionReader(Protocol):
    """Reads sessions."""

    def get(self, session_id: str) -> Session | None:
        """Return the last written session of this id, expired or not. Raises ServiceUnavailable."""


class SessionStore(SessionReader, Protocol):
    """Stores sessions. Each write is one atomic conditional call; if its outcome is unknown it raises
    ServiceUnavailable.
    """

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        """Write the session unless its id is taken by one that expires at `reusable_before` or later.

        `reusable_before` is epoch seconds.
        """

    def update(
        self, session_id: str, patch: SessionPatch, precondition: Precondition
    ) -> Session | ConditionFailed:
        """Apply the patch and raise the version if the precondition holds; return the new session."""


class SessionMetrics(Protocol):
    """Counts for operators."""

    def session_created(self, session: Session) -> None:
        """Count a new session; not called when a replay returns an earlier one."""

    def session_ended(self, session: Session) -> None:
        """Count a session that its speaker has ended; called once per session."""

    def session_id_clash(self) -> None:
        """Count a candidate id that another session holds."""
