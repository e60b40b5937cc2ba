"""What the use cases of the audience need: stores, and a gateway to open connections."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol

from shared.audience.connection import Connection, SessionRef
from shared.sessions.session import Language, Session


class ConnectionStore(Protocol):
    """Stores connections. A write is one atomic call; it raises ServiceUnavailable if it may have failed."""

    def add(self, connection: Connection) -> bool:
        """Write the row, unless there is one with its id; False if that is not equal to this one."""

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """Mark the row as admitted at `now` (epoch ms) until `expires_at` (epoch s); False if it is gone."""

    def set_language(self, session_id: str, connection_id: str, language: Language, now: int) -> bool:
        """Change the language of an admitted listener; False if the row is gone or has expired at `now`.

        `now` is epoch ms.
        """

    def get(self, session_id: str, connection_id: str) -> Connection | None:
        """Return the row, live or not, by a consistent read. Raises UnreadableRow."""

    def remove(self, session_id: str, connection_id: str) -> None:
        """Delete the row, if it exists."""

    def remove_waiting(self, session_id: str, connection_id: str) -> bool:
        """Delete the row, if it exists, unless it is admitted: False then."""

    def remove_all(self, session_id: str, connection_ids: Iterable[str]) -> None:
        """Delete those of the rows that exist, each by itself: a failure may leave some of them."""

    def of_session(self, session_id: str) -> list[Connection]:
        """Return all rows with the session's id that can be read, live or not, by a consistent read."""


class Places(NamedTuple):
    """The places of one session's listeners; all zeros before its first listener.

    `taken` is never less than the number of listeners that are or can still be admitted. Each place that is
    taken raises `generation`. `counted_at` is when a join last began to recount, in epoch milliseconds.
    """

    taken: int = 0
    generation: int = 0
    counted_at: int = 0


class PlaceStore(Protocol):
    """Stores places. A write is one atomic call; it raises ServiceUnavailable if it may have failed."""

    def take(self, session: SessionRef, *, limit: int, delete_at: int) -> Places | None:
        """Take a place and raise the generation; return the places instead if all `limit` are taken.

        `limit` is at least 1. The places may be deleted after `delete_at` (epoch seconds).
        """

    def get(self, session: SessionRef) -> Places:
        """Return the places, by a consistent read."""

    def claim_count(self, session: SessionRef, *, counted_at: int, now: int) -> bool:
        """Set `counted_at` to `now` (epoch ms), if it is the given one; False otherwise."""

    def set_taken(self, session: SessionRef, taken: int, *, generation: int) -> bool:
        """Lower `taken`, if the generation is the given one; False otherwise, or if it is not higher."""


class SessionBookkeeping(Protocol):
    """Writes what does not change a session's version. Raises ServiceUnavailable."""

    def set_listener_count(self, session: SessionRef, count: int) -> Session | None:
        """Write the count and return the session; None if the session is gone."""

    def set_speaker_connected(self, session: Session, *, since: int, until: int, due_at: int) -> bool:
        """Record that the speaker is connected; False if the session is gone or has ended.

        `since` (epoch ms) counts only if the speaker was not connected. `until` is the expiry of the
        connection's row and `due_at` the session's new due time, both in epoch seconds.
        """

    def set_speaker_absent(self, session: Session, *, since: int, due_at: int) -> bool:
        """Record that the speaker is absent since `since` (epoch ms).

        False if the session is gone or has ended, or if the speaker's connection has changed.
        """

    def set_absence_announced(self, session: Session, at: int) -> Session | None:
        """Record that listeners are notified of the speaker's absence at `at` (epoch ms).

        Return the session; None if it is gone or has ended, or if the absence is over.
        """

    def set_due(self, session_id: str, old: int, new: int | None) -> bool:
        """Replace the due time `old` (epoch s), or remove it; False if it is another one by now."""


class DueSession(NamedTuple):
    """A session, and when it is due (epoch s)."""

    session_id: str
    due_at: int


class DueSessions(Protocol):
    """The sessions by due time. Eventually consistent: the last writes may be missing."""

    def pages(self, now: int) -> Iterator[list[DueSession]]:
        """Yield the sessions that are due at `now` (epoch ms), first the longest due one.

        Raises ServiceUnavailable.
        """


class ConnectionGateway(Protocol):
    """Sends to open WebSockets and closes them.

    Raises ServiceUnavailable when API Gateway throttles, ConnectionUnreachable when it rejects this one.
    """

    def post(self, connection_id: str, message: Mapping[str, object] | bytes) -> bool:
        """Send a message, encoded (`messages.encode`) or not; False if there is no such connection."""

    def close(self, connection_id: str) -> None:
        """Close the connection; one that is gone already counts as closed."""
