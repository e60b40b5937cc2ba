"""Describe a session to one of its connections."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role
from shared.audience.messages import SessionJoined, session_joined
from shared.errors import SessionEnded, SessionNotFound
from shared.sessions.get import GetSession
from shared.sessions.session import Status

if TYPE_CHECKING:
    from shared.captions.ports import LiveCaptions
    from shared.sessions.ports import SessionReader


class DescribeSession:
    """Make the message `sessionJoined` from consistent reads. `clock` returns epoch milliseconds."""

    def __init__(
        self, sessions: "SessionReader", live_captions: "LiveCaptions", clock: Callable[[], int]
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._live_captions = live_captions
        self._clock = clock

    def __call__(self, connection: Connection) -> SessionJoined:
        """Return the message to the connection. Raises SessionNotFound, SessionEnded, ServiceUnavailable."""
        session = self._get_session(connection.session_id)
        if not connection.belongs_to(session):
            raise SessionNotFound
        if session.status is Status.ENDED:
            raise SessionEnded
        last = self._live_captions.last(connection.session) if connection.role is Role.SPEAKER else None
        return session_joined(session, connection, self._clock(), last_sequence=last.sequence if last else 0)
