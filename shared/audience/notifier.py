"""Telling the people at a session what becomes of it, and letting them go when it is over."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from shared.audience.connection import Connection, Role
from shared.audience.join import ConnectionStore, SessionReader
from shared.audience.messages import EndReason, Message, session_ended, session_updated
from shared.errors import TryAgainLater
from shared.sessions.session import Session, Status

PARALLEL = 16
# Between two rounds over those who could not be reached yet.
PAUSE_S = 0.25
# With less time than this left, the rest is done by the next invocation.
RESERVE_MS = 5000


class Sockets(Protocol):
    """The open WebSockets, by connection id. Raises TryAgainLater when API Gateway is too busy."""

    def post(self, connection_id: str, message: Message) -> bool:
        """Send a message; False when there is no such connection."""

    def close(self, connection_id: str) -> None:
        """Close the connection, wherever it has gone already."""


class Notices:
    """What the sessions table's stream sets off. `clock` returns epoch milliseconds."""

    def __init__(
        self,
        sessions: SessionReader,
        connections: ConnectionStore,
        sockets: Sockets,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._sockets = sockets
        self._clock = clock
        self._sleep = sleep

    def session_changed(
        self, old: Session | None, new: Session | None, *, time_left: Callable[[], int]
    ) -> None:
        """Tell what has changed from `old` to `new`; `time_left` returns the milliseconds that this may take.

        Raises TryAgainLater when some could not be reached in time: called again, it goes on with those.
        """
        if old is None:
            return
        if new is None or new.created_at != old.created_at:
            # Its row has expired, and is deleted or taken by a new session.
            self._dismiss(old, "ended" if old.status is Status.ENDED else "expired", time_left)
        elif new.status is Status.ENDED:
            if old.status is not Status.ENDED:
                self._dismiss(new, "ended", time_left)
        elif _told(old) != _told(new):
            self._update(new, time_left)

    def _update(self, session: Session, time_left: Callable[[], int]) -> None:
        # The record may be late or out of order: what people hear last must be what holds.
        current = self._sessions.get(session.id)
        if current is None or current.created_at != session.created_at or current.status is Status.ENDED:
            return
        message = session_updated(current)
        self._deliver(current, lambda row: self._tell(row, message), time_left)

    def _dismiss(self, session: Session, reason: EndReason, time_left: Callable[[], int]) -> None:
        message = session_ended(session, reason)

        def let_go(row: Connection) -> bool:
            if not self._tell(row, message):
                return False
            self._sockets.close(row.id)
            # Last, so that whoever takes over from a function that died finds all that is not done.
            self._connections.remove(row.session_id, row.id)
            return True

        self._deliver(session, let_go, time_left)

    def _people(self, session: Session) -> list[Connection]:
        # A recycled id brings other people: theirs is another session.
        return [row for row in self._connections.of(session.id) if row.belongs_to(session)]

    def _tell(self, row: Connection, message: Message) -> bool:
        """Whether this person needs no more telling."""
        # Asked before, for an answer may take longer than what is left of the handshake.
        handshaking = row.handshaking(self._clock())
        if self._sockets.post(row.id, message):
            return True
        if handshaking:
            # Not there yet rather than gone: nothing reaches a connection before its $connect has answered.
            return False
        # API Gateway tells of closed connections when it can; this one it did not.
        self._connections.remove(row.session_id, row.id)
        return True

    def _deliver(
        self, session: Session, deed: Callable[[Connection], bool], time_left: Callable[[], int]
    ) -> None:
        def done(row: Connection) -> bool:
            try:
                return deed(row)
            except TryAgainLater:
                return False

        def in_turn(rows: list[Connection]) -> list[Connection]:
            return [row for row, is_done in zip(rows, pool.map(done, rows), strict=True) if not is_done]

        def still_there(rows: list[Connection], there: set[str]) -> list[Connection]:
            return [row for row in rows if row.id in there]

        people = self._people(session)
        speakers = [row for row in people if row.role is Role.SPEAKER]
        listeners = [row for row in people if row.role is Role.LISTENER]
        with ThreadPoolExecutor(PARALLEL) as pool:
            while speakers or listeners:
                # The speaker goes first, and by one slow speaker nobody else is kept waiting for long.
                speakers, listeners = in_turn(speakers), in_turn(listeners)
                if speakers or listeners:
                    if time_left() < RESERVE_MS:
                        raise TryAgainLater
                    self._sleep(PAUSE_S)
                    # Whoever was refused at the door meanwhile, or has left, is not waited for.
                    there = {row.id for row in self._people(session)}
                    speakers, listeners = still_there(speakers, there), still_there(listeners, there)


def _told(session: Session) -> tuple[object, ...]:
    return session.status, session.source_language, session.quality_tier
