"""Get a session by its id."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.errors import SessionNotFound
from shared.sessions import ids
from shared.sessions.session import Session

if TYPE_CHECKING:
    from shared.sessions.ports import SessionReader


class GetSession:
    """Get a session, ended or not, until it expires. `clock` returns epoch milliseconds."""

    def __init__(self, sessions: "SessionReader", clock: Callable[[], int]) -> None:
        self._sessions = sessions
        self._clock = clock

    def __call__(self, session_id: str) -> Session:
        """Return the session. Raises SessionNotFound, ServiceUnavailable."""
        session = self._sessions.get(session_id) if ids.is_session_id(session_id) else None
        if session is None or not session.live(self._clock()):
            raise SessionNotFound
        return session
