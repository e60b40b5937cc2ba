"""Answer `joinSession`: how a client of an open connection gets the session's current state."""

from typing import TYPE_CHECKING

from shared.audience.messages import SessionJoined
from shared.errors import SessionNotFound

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionStore
    from shared.captions.describe_session import DescribeSession


class JoinSession:
    """Describe the session to a connection that is open."""

    def __init__(self, connections: "ConnectionStore", describe_session: "DescribeSession") -> None:
        self._connections = connections
        self._describe_session = describe_session

    def __call__(self, session_id: str, connection_id: str) -> SessionJoined:
        """Return the message. Raises SessionNotFound, also for a connection that the service has removed.

        Raises SessionEnded, ServiceUnavailable.
        """
        connection = self._connections.get(session_id, connection_id)
        if connection is None:
            raise SessionNotFound
        return self._describe_session(connection)
