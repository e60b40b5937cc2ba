"""Welcome connections that have been admitted: send the session's state and the last captions."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role
from shared.captions.messages import captions
from shared.errors import (
    ConnectionUnreachable,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    UnreadableRow,
)

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionGateway, ConnectionStore
    from shared.captions.describe_session import DescribeSession
    from shared.captions.ports import CaptionHistory

Change = tuple[Connection | None, Connection | None]
"""A connection before and after a write; None where it does not exist."""

MAX_PARALLEL = 16
HISTORY_LENGTH = 20
# Most connections open within 0.1 s of their admission. Later tries are rarer, because a connection that does
# not open in a second rarely opens at all.
FIRST_RETRY_INTERVAL_S = 0.1
MAX_RETRY_INTERVAL_S = 1.0
# After that, what could not be sent because of a temporary fault is left to the next invocation.
MAX_WAIT_MS = 5000


class Outcome(Enum):
    """What became of welcoming a connection."""

    DONE = auto()
    CONNECTING = auto()
    GONE = auto()
    FAILED = auto()


AGAIN = (Outcome.CONNECTING, Outcome.FAILED)


@dataclass(slots=True)
class _Arrival:
    """A connection, and whether it must be sent `sessionJoined`; not if only its language has changed.

    `unopened` is whether it was not open at the last try.
    """

    connection: Connection
    joins: bool
    unopened: bool = False


class Welcome:
    """Welcomes connections, MAX_PARALLEL at once in the threads of `executor`.

    `clock` returns epoch milliseconds.
    """

    def __init__(
        self,
        describe_session: "DescribeSession",
        history: "CaptionHistory",
        connections: "ConnectionStore",
        gateway: "ConnectionGateway",
        executor: Executor,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._describe_session = describe_session
        self._history = history
        self._connections = connections
        self._gateway = gateway
        self._executor = executor
        self._clock = clock
        self._sleep = sleep

    def __call__(self, changes: Iterable[Change]) -> None:
        """Welcome each connection that a change has admitted; one whose language changes gets captions only.

        A connection that does not open during its handshake is removed. Raises ServiceUnavailable when some
        could not be welcomed; a repeated call may send messages again.
        """
        pending = _arrivals(changes)
        deadline = self._clock() + MAX_WAIT_MS
        interval_s = FIRST_RETRY_INTERVAL_S
        while pending:
            outcomes = list(zip(pending, self._executor.map(self._try_to_welcome, pending), strict=True))
            failed = any(outcome is Outcome.FAILED for _, outcome in outcomes)
            if failed and self._clock() >= deadline:
                raise ServiceUnavailable
            pending = [arrival for arrival, outcome in outcomes if outcome in AGAIN]
            if pending:
                self._sleep(interval_s)
                interval_s = min(2 * interval_s, MAX_RETRY_INTERVAL_S)

    def _try_to_welcome(self, arrival: _Arrival) -> Outcome:
        try:
            return self._welcome(arrival)
        except ServiceUnavailable:
            # A failure of one connection does not stop the others.
            return Outcome.FAILED
        except (SessionNotFound, SessionEnded, UnreadableRow, ConnectionUnreachable):
            # The end of a session disconnects its audience.
            return Outcome.DONE

    def _welcome(self, arrival: _Arrival) -> Outcome:
        connection = arrival.connection
        if arrival.unopened and self._connections.get(connection.session_id, connection.id) is None:
            # It has opened and closed meanwhile. Waiting for it would delay those behind it in the stream.
            return Outcome.GONE
        # Read again in each try, because the session may have changed while the connection was not open.
        joined = self._describe_session(connection)
        if arrival.joins:
            # Read before the call, because the call may outlast the rest of the handshake.
            handshaking = connection.handshaking(self._clock())
            if not self._gateway.post(connection.id, joined):
                arrival.unopened = handshaking
                return Outcome.CONNECTING if handshaking else self._remove(connection)
            arrival.joins = False
        if connection.role is Role.LISTENER and connection.target_language is not None:
            # Read once the connection is open: captions that were sent before have not reached it.
            last = self._history.last(connection.session, HISTORY_LENGTH)
            message = captions(last, connection.target_language, self._clock())
            if not self._gateway.post(connection.id, message):
                return self._remove(connection)
        return Outcome.DONE

    def _remove(self, connection: Connection) -> Outcome:
        self._connections.remove(connection.session_id, connection.id)
        return Outcome.GONE


def _arrivals(changes: Iterable[Change]) -> list[_Arrival]:
    """Return the connections to welcome as the last change of each has left them."""
    arrivals: dict[tuple[str, str], _Arrival] = {}
    for old, new in changes:
        if new is None:
            if old is not None:
                arrivals.pop((old.session_id, old.id), None)
        elif new.admitted_at is not None:
            key = new.session_id, new.id
            joins = old is None or old.admitted_at is None
            if joins or key in arrivals:
                arrivals[key] = _Arrival(new, joins or arrivals[key].joins)
            elif old is not None and old.target_language != new.target_language:
                arrivals[key] = _Arrival(new, joins=False)
    return list(arrivals.values())
