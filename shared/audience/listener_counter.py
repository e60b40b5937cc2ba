"""How many listen to a session: counted from the rows that are there, never added up."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from shared.audience.connection import Connection, Role
from shared.audience.join import ConnectionStore
from shared.audience.messages import audience
from shared.audience.notifier import Sockets
from shared.errors import TryAgainLater

# A speaker hears of the audience this often at most.
INTERVAL_MS = 1000
PAUSE_S = 0.25
# The next changes wait meanwhile. A speaker who cannot be told by then hears of the next change.
PATIENCE_MS = 1500


class Gathering(NamedTuple):
    """One session among those that have had the id; `created_at` is epoch ms."""

    session_id: str
    created_at: int


def gatherings(rows: Iterable[Connection]) -> set[Gathering]:
    """The sessions that these rows belong to."""
    return {Gathering(row.session_id, row.session_created_at) for row in rows}


class Counts(Protocol):
    """Where a session's count of listeners is kept, beside the session and without touching its version."""

    def set_listener_count(self, gathering: Gathering, count: int) -> bool:
        """Write the count; False when the session is gone."""

    def may_tell_speaker(self, gathering: Gathering, now: int) -> bool:
        """Whether `INTERVAL_MS` have passed since this last was True; remembers `now` (epoch ms) if so."""


class Headcount:
    """What the connections table's stream sets off. `clock` returns epoch milliseconds.

    `counted` is called with each session's count of listeners that is written.
    """

    def __init__(
        self,
        counts: Counts,
        connections: ConnectionStore,
        sockets: Sockets,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
        counted: Callable[[int], None],
    ) -> None:
        self._counts = counts
        self._connections = connections
        self._sockets = sockets
        self._clock = clock
        self._sleep = sleep
        self._counted = counted

    def recount(self, sessions: Iterable[Gathering]) -> None:
        """Count the listeners of each session anew, and tell its speaker. Raises TryAgainLater."""
        left = set(sessions)
        until = self._clock() + PATIENCE_MS
        failed = False
        while left and self._clock() < until:
            again = set()
            for gathering in left:
                try:
                    if not self._recount(gathering):
                        # Counted again when its speaker may hear of it, so that the last word is true.
                        again.add(gathering)
                except TryAgainLater:
                    # The others are counted all the same.
                    failed = True
            left = again
            if left:
                self._sleep(PAUSE_S)
        if failed:
            raise TryAgainLater

    def _recount(self, gathering: Gathering) -> bool:
        now = self._clock()
        people = [
            row
            for row in self._connections.of(gathering.session_id)
            if row.session_created_at == gathering.created_at and row.admitted_at and row.live(now)
        ]
        listeners = [row for row in people if row.role is Role.LISTENER]
        if not self._counts.set_listener_count(gathering, len(listeners)):
            return True
        self._counted(len(listeners))
        speakers = [row for row in people if row.role is Role.SPEAKER]
        if not speakers:
            return True
        if not self._counts.may_tell_speaker(gathering, now):
            return False
        told = [self._sockets.post(speaker.id, audience(listeners)) for speaker in speakers]
        # One who is still coming in is told as soon as that is possible; one who has gone need not be.
        return all(heard or not row.handshaking(now) for heard, row in zip(told, speakers, strict=True))
