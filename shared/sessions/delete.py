"""Delete a session: end it. It stays readable, as ended, until it expires."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.sessions.session import END, Session
from shared.sessions.update import UpdateSession

if TYPE_CHECKING:
    from shared.sessions.ports import SessionMetrics, SessionStore


class DeleteSession:
    """End a speaker's own session: the same update as PATCH with the status `ended`."""

    def __init__(self, sessions: "SessionStore", metrics: "SessionMetrics", clock: Callable[[], int]) -> None:
        self._update = UpdateSession(sessions, metrics, clock, action="delete")

    def __call__(self, session_id: str, *, speaker: str, versions: frozenset[int] | None) -> Session:
        """Return the ended session, also when it had ended before.

        Raises SessionNotFound, NotOwner, VersionMismatch, ServiceUnavailable.
        """
        return self._update(session_id, END, speaker=speaker, versions=versions)
