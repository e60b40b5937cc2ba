"""Count the places and the listeners of a session from its rows, and send the count to its speaker."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from enum import Enum, auto
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role, SessionRef, admitted
from shared.audience.messages import Audience, audience
from shared.errors import ConnectionUnreachable, ServiceUnavailable, UnreadableRow

if TYPE_CHECKING:
    from shared.audience.places import CountPlaces
    from shared.audience.ports import ConnectionGateway, SessionBookkeeping
    from shared.audience.presence import SpeakerPresence

MAX_PARALLEL = 16
RETRY_INTERVAL_S = 0.25
# A speaker whose connection does not open in this time is notified of the next change.
MAX_WAIT_MS = 1500


class Outcome(Enum):
    """What became of counting a session."""

    COUNTED = auto()
    SPEAKER_CONNECTING = auto()
    FAILED = auto()


class ListenerCounter:
    """Counts listeners, MAX_PARALLEL sessions at once in the threads of `executor`.

    `clock` returns epoch milliseconds; `on_count` is called with each count written.
    """

    def __init__(
        self,
        bookkeeping: "SessionBookkeeping",
        count_places: "CountPlaces",
        gateway: "ConnectionGateway",
        presence: "SpeakerPresence",
        executor: Executor,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        on_count: Callable[[int], None],
    ) -> None:
        self._bookkeeping = bookkeeping
        self._count_places = count_places
        self._gateway = gateway
        self._presence = presence
        self._executor = executor
        self._clock = clock
        self._sleep = sleep
        self._on_count = on_count

    def __call__(self, sessions: Iterable[SessionRef]) -> None:
        """Count the listeners of each session and notify its speaker. Raises ServiceUnavailable."""
        pending = list(dict.fromkeys(sessions))
        deadline = self._clock() + MAX_WAIT_MS
        failed = False
        while pending:
            outcomes = dict(zip(pending, self._executor.map(self._try_to_count, pending), strict=True))
            failed = failed or Outcome.FAILED in outcomes.values()
            pending = [ref for ref, outcome in outcomes.items() if outcome is Outcome.SPEAKER_CONNECTING]
            if self._clock() >= deadline:
                break
            if pending:
                # Counted again when the speaker's connection is open, so that the last message is true.
                self._sleep(RETRY_INTERVAL_S)
        if failed:
            raise ServiceUnavailable

    def _try_to_count(self, session: SessionRef) -> Outcome:
        try:
            return self._count(session)
        except ServiceUnavailable:
            # A failure of one session does not stop the others.
            return Outcome.FAILED
        except UnreadableRow:
            return Outcome.COUNTED

    def _count(self, ref: SessionRef) -> Outcome:
        now = self._clock()
        rows = self._count_places(ref)
        connections = admitted(rows, ref, now)
        listeners = [row for row in connections if row.role is Role.LISTENER]
        session = self._bookkeeping.set_listener_count(ref, len(listeners))
        if session is None:
            return Outcome.COUNTED
        self._on_count(len(listeners))
        self._presence(session, rows, now)
        message = audience(listeners, now)
        speakers = [row for row in connections if row.role is Role.SPEAKER]
        connecting = [speaker for speaker in speakers if not self._notify(speaker, message, now)]
        return Outcome.SPEAKER_CONNECTING if connecting else Outcome.COUNTED

    def _notify(self, speaker: Connection, message: Audience, now: int) -> bool:
        """Send the message; return False for a speaker in the handshake, whose connection is not open yet."""
        try:
            return self._gateway.post(speaker.id, message) or not speaker.handshaking(now)
        except ConnectionUnreachable:
            return True
