"""Send messages to the connections of a session in parallel, and close them at its end."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role
from shared.errors import ConnectionUnreachable, ServiceUnavailable

if TYPE_CHECKING:
    from shared.audience.messages import Message
    from shared.audience.ports import ConnectionGateway, ConnectionStore
    from shared.sessions.session import Session

MAX_PARALLEL = 16
# Between two rounds over the connections that could not be reached yet.
RETRY_INTERVAL_S = 0.25
# With less time than this left, the next invocation does the rest.
RESERVE_MS = 5000


class Outcome(Enum):
    """What became of a connection."""

    DELIVERED = auto()
    GONE = auto()
    HANDSHAKING = auto()  # not open yet
    THROTTLED = auto()
    UNREACHABLE = auto()


class Delivery:
    """Delivers messages. `clock` returns epoch milliseconds.

    `executor` has MAX_PARALLEL threads for each session that is served at the same time.

    `time_left` of the methods returns the milliseconds available. They raise ServiceUnavailable when some
    clients could not be reached in time; a repeated call continues with those if it closes connections.
    """

    def __init__(
        self,
        connections: "ConnectionStore",
        gateway: "ConnectionGateway",
        executor: Executor,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._connections = connections
        self._gateway = gateway
        self._executor = executor
        self._clock = clock
        self._sleep = sleep

    def send(
        self,
        session: "Session",
        message: "Message",
        *,
        time_left: Callable[[], int],
        only: Role | None = None,
    ) -> None:
        """Send the message to every connection of the session, or of one role."""
        self._for_each(session, lambda row: self._post(row, message), time_left, only)

    def dismiss(self, session: "Session", message: "Message", *, time_left: Callable[[], int]) -> bool:
        """Send the message to every connection of the session, close it, and remove its row.

        Return whether all are closed: False if API Gateway rejects calls for some of them.
        """

        def post_and_close(row: Connection) -> Outcome:
            outcome = self._post(row, message)
            if outcome is Outcome.DELIVERED:
                self._gateway.close(row.id)
                return Outcome.GONE
            return outcome

        return self._for_each(session, post_and_close, time_left, None)

    def send_each(
        self,
        session_id: str,
        rows: Sequence[Connection],
        message: Callable[[Connection], bytes],
        *,
        retry_ms: int,
        removes_gone: bool = True,
    ) -> int:
        """Send each of the rows its own encoded message; return the number of those that were throttled.

        Throttled calls are repeated for `retry_ms`. A connection in the handshake is not waited for. The row
        of one that is gone is left to another message without `removes_gone`.
        """
        deadline = self._clock() + retry_ms
        while True:
            outcomes = self._try_each(rows, lambda row: self._post(row, message(row)))
            gone = _ids(outcomes, Outcome.GONE)
            if gone and removes_gone:
                with suppress(ServiceUnavailable):  # the next message finds them again
                    self._connections.remove_all(session_id, gone)
            throttled = _ids(outcomes, Outcome.THROTTLED)
            if not throttled or self._clock() >= deadline:
                return len(throttled)
            self._sleep(RETRY_INTERVAL_S)
            rows = [row for row in rows if row.id in throttled]

    def _post(self, row: Connection, message: "Message | bytes") -> Outcome:
        # Read before the call, because the call may outlast the rest of the handshake.
        handshaking = row.handshaking(self._clock())
        if self._gateway.post(row.id, message):
            return Outcome.DELIVERED
        # A connection in the handshake is not open yet: nothing reaches it before its $connect has answered.
        # For any other one $disconnect, which is best effort, was lost.
        return Outcome.HANDSHAKING if handshaking else Outcome.GONE

    def _for_each(
        self,
        session: "Session",
        action: Callable[[Connection], Outcome],
        time_left: Callable[[], int],
        only: Role | None,
    ) -> bool:
        """Run the action for the connections, the speaker's first, and repeat it where that may help."""
        all_reached = True
        rows = self._audience(session, only)
        while rows:
            # A slow speaker delays the listeners by one call at most.
            speakers = [row for row in rows if row.role is Role.SPEAKER]
            others = [row for row in rows if row.role is not Role.SPEAKER]
            outcomes = self._try_each(speakers, action) | self._try_each(others, action)
            # After the calls, so that a retry after a crash finds all connections that are not closed.
            self._connections.remove_all(session.id, _ids(outcomes, Outcome.GONE))
            all_reached = all_reached and Outcome.UNREACHABLE not in outcomes.values()
            retry = _ids(outcomes, Outcome.THROTTLED, Outcome.HANDSHAKING)
            if not retry:
                break
            if time_left() < RESERVE_MS:
                raise ServiceUnavailable
            self._sleep(RETRY_INTERVAL_S)
            # Connections that were refused or have left in the meantime are not tried again.
            rows = [row for row in self._audience(session, only) if row.id in retry]
        return all_reached

    def _try_each(
        self, rows: Sequence[Connection], action: Callable[[Connection], Outcome]
    ) -> dict[str, Outcome]:
        """Run the action once for each row, MAX_PARALLEL at once; return the outcomes by connection id."""

        def outcome(row: Connection) -> Outcome:
            try:
                return action(row)
            except ServiceUnavailable:
                return Outcome.THROTTLED
            except ConnectionUnreachable:
                # It stops no other connection. At the end of a session the scheduled function tries it again.
                return Outcome.UNREACHABLE

        # The threads share one iterator: one task for each thread costs less than one for each row, and a
        # slow connection occupies one thread only.
        remaining = iter(rows)

        def outcomes_of_a_thread(_: int) -> dict[str, Outcome]:
            return {row.id: outcome(row) for row in remaining}

        outcomes: dict[str, Outcome] = {}
        for part in self._executor.map(outcomes_of_a_thread, range(min(MAX_PARALLEL, len(rows)))):
            outcomes |= part
        return outcomes

    def _audience(self, session: "Session", only: Role | None) -> list[Connection]:
        # Rows of another session that has or had the same id are left out.
        return [
            row
            for row in self._connections.of_session(session.id)
            if row.belongs_to(session) and only in (None, row.role)
        ]


def _ids(outcomes: Mapping[str, Outcome], *wanted: Outcome) -> list[str]:
    return [connection_id for connection_id, outcome in outcomes.items() if outcome in wanted]
