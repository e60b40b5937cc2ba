"""Count the listeners of a session from its connections' rows, and send the count to its speaker."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from shared.audience.connection import Role, SessionRef
from shared.audience.messages import audience
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionGateway, ConnectionStore, ListenerCountStore

# A speaker receives at most one `audience` message in this time.
NOTIFY_INTERVAL_MS = 1000
RETRY_INTERVAL_S = 0.25
# Later changes wait this long. A speaker who cannot be notified by then is notified of the next change.
MAX_WAIT_MS = 1500


class ListenerCounter:
    """Counts listeners. `clock` returns epoch milliseconds; `on_count` is called with each count written."""

    def __init__(
        self,
        counts: "ListenerCountStore",
        connections: "ConnectionStore",
        gateway: "ConnectionGateway",
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        on_count: Callable[[int], None],
    ) -> None:
        self._counts = counts
        self._connections = connections
        self._gateway = gateway
        self._clock = clock
        self._sleep = sleep
        self._on_count = on_count

    def __call__(self, sessions: Iterable[SessionRef]) -> None:
        """Count the listeners of each session and notify its speaker. Raises ServiceUnavailable."""
        pending = set(sessions)
        deadline = self._clock() + MAX_WAIT_MS
        failed = False
        while pending and self._clock() < deadline:
            retry = set()
            for session in pending:
                try:
                    if not self._count(session):
                        # Counted again when the speaker may be notified, so that the last message is true.
                        retry.add(session)
                except ServiceUnavailable:
                    # A failure of one session does not stop the others.
                    failed = True
            pending = retry
            if pending:
                self._sleep(RETRY_INTERVAL_S)
        if failed:
            raise ServiceUnavailable

    def _count(self, session: SessionRef) -> bool:
        """Count one session; return False if its speaker must be notified later."""
        now = self._clock()
        admitted = [
            row
            for row in self._connections.of_session(session.id)
            if row.session == session and row.admitted_at and row.live(now)
        ]
        listeners = [row for row in admitted if row.role is Role.LISTENER]
        if not self._counts.set_listener_count(session, len(listeners)):
            return True
        self._on_count(len(listeners))
        speakers = [row for row in admitted if row.role is Role.SPEAKER]
        if not speakers:
            return True
        if not self._counts.may_notify_speaker(session, now, NOTIFY_INTERVAL_MS):
            return False
        delivered = [self._gateway.post(speaker.id, audience(listeners)) for speaker in speakers]
        # A speaker in the handshake is notified as soon as that is possible; one who has gone is not.
        return all(ok or not row.handshaking(now) for ok, row in zip(delivered, speakers, strict=True))
