"""What the use cases of the audience need: stores, and a gateway to open connections."""

from typing import Protocol

from shared.audience.connection import Connection, SessionRef
from shared.audience.messages import Message


class ConnectionStore(Protocol):
    """Stores connections. A write is one atomic call; it raises ServiceUnavailable if it may have failed."""

    def add(self, connection: Connection) -> None:
        """Write the row."""

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """Mark the row as admitted at `now` (epoch ms) until `expires_at` (epoch s); False if it is gone."""

    def remove(self, session_id: str, connection_id: str) -> None:
        """Delete the row, if it exists."""

    def of_session(self, session_id: str) -> list[Connection]:
        """Return all rows with the session's id, live or not, by a consistent read."""


class ListenerCountStore(Protocol):
    """Stores the listener count of a session. It does not change the session's version."""

    def set_listener_count(self, session: SessionRef, count: int) -> bool:
        """Write the count; False if the session is gone. Raises ServiceUnavailable."""

    def may_notify_speaker(self, session: SessionRef, now: int, interval_ms: int) -> bool:
        """Return True, and remember `now` (epoch ms), if the last True is `interval_ms` or more ago."""


class ConnectionGateway(Protocol):
    """Sends to open WebSockets and closes them. Raises ServiceUnavailable when API Gateway throttles."""

    def post(self, connection_id: str, message: Message) -> bool:
        """Send a message; False if there is no such connection."""

    def close(self, connection_id: str) -> None:
        """Close the connection; one that is gone already counts as closed."""
