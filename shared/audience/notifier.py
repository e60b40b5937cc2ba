"""Notify connected clients when their session changes or ends, and disconnect them when it ends."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role
from shared.audience.messages import EndReason, Message, session_ended, session_updated
from shared.errors import ServiceUnavailable
from shared.sessions.session import Session, Status

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionGateway, ConnectionStore
    from shared.sessions.ports import SessionReader

MAX_PARALLEL = 16
# Between two rounds over the connections that could not be reached yet.
RETRY_INTERVAL_S = 0.25
# With less time than this left, the next invocation does the rest.
RESERVE_MS = 5000


class Notifier:
    """Handles changes of sessions. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: "SessionReader",
        connections: "ConnectionStore",
        gateway: "ConnectionGateway",
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._gateway = gateway
        self._clock = clock
        self._sleep = sleep

    def __call__(self, old: Session | None, new: Session | None, *, time_left: Callable[[], int]) -> None:
        """Notify clients of the change from `old` to `new`; `time_left` returns the milliseconds available.

        Raises ServiceUnavailable when some clients could not be reached in time; a repeated call continues
        with those.
        """
        if old is None:
            return
        if new is None or new.created_at != old.created_at:
            # The session has expired: its row was deleted, or a new session has taken its id.
            self._dismiss(old, "ended" if old.status is Status.ENDED else "expired", time_left)
        elif new.status is Status.ENDED:
            if old.status is not Status.ENDED:
                self._dismiss(new, "ended", time_left)
        elif _visible_state(old) != _visible_state(new):
            self._update(new, time_left)

    def _update(self, session: Session, time_left: Callable[[], int]) -> None:
        # The record may be late or out of order; the last message that clients receive must be true.
        current = self._sessions.get(session.id)
        if current is None or current.created_at != session.created_at or current.status is Status.ENDED:
            return
        message = session_updated(current)
        self._for_each_connection(current, lambda row: self._send(row, message), time_left)

    def _dismiss(self, session: Session, reason: EndReason, time_left: Callable[[], int]) -> None:
        message = session_ended(session, reason)

        def send_and_close(row: Connection) -> bool:
            if not self._send(row, message):
                return False
            self._gateway.close(row.id)
            # Last, so that a retry after a crash finds all connections that are not closed.
            self._connections.remove(row.session_id, row.id)
            return True

        self._for_each_connection(session, send_and_close, time_left)

    def _audience(self, session: Session) -> list[Connection]:
        # Rows of another session that has or had the same id are left out.
        return [row for row in self._connections.of_session(session.id) if row.belongs_to(session)]

    def _send(self, row: Connection, message: Message) -> bool:
        """Send the message; return False if the connection must be tried again."""
        # Read before the call, because the call may outlast the rest of the handshake.
        handshaking = row.handshaking(self._clock())
        if self._gateway.post(row.id, message):
            return True
        if handshaking:
            # Not open yet rather than gone: nothing reaches a connection before its $connect has answered.
            return False
        # $disconnect is best effort, and this connection's was lost.
        self._connections.remove(row.session_id, row.id)
        return True

    def _for_each_connection(
        self, session: Session, action: Callable[[Connection], bool], time_left: Callable[[], int]
    ) -> None:
        """Run the action for every connection, and again for those for which it returns False."""

        def succeeds(row: Connection) -> bool:
            try:
                return action(row)
            except ServiceUnavailable:
                return False

        def failed_of(rows: list[Connection]) -> list[Connection]:
            results = pool.map(succeeds, rows)
            return [row for row, succeeded in zip(rows, results, strict=True) if not succeeded]

        rows = self._audience(session)
        speakers = [row for row in rows if row.role is Role.SPEAKER]
        listeners = [row for row in rows if row.role is Role.LISTENER]
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            while speakers or listeners:
                # The speaker comes first; a slow one delays the listeners by one call at most.
                speakers, listeners = failed_of(speakers), failed_of(listeners)
                if speakers or listeners:
                    if time_left() < RESERVE_MS:
                        raise ServiceUnavailable
                    self._sleep(RETRY_INTERVAL_S)
                    # Connections that were refused or have left in the meantime are not tried again.
                    remaining = {row.id for row in self._audience(session)}
                    speakers = [row for row in speakers if row.id in remaining]
                    listeners = [row for row in listeners if row.id in remaining]


def _visible_state(session: Session) -> tuple[object, ...]:
    return session.status, session.source_language, session.quality_tier
