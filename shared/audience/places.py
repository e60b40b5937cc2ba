"""The places of a session's listeners. Joins take them one by one, and only a count gives them back.

Why no count lowers `taken` too far: a join writes its row before it takes a place, and each place that is
taken raises the generation. A count reads the generation before the rows and writes only if it is still the
same, so it has seen every row with a place. It deletes a row that has lapsed before it leaves it out, so that
its join can no longer admit it. Therefore `taken` is never less than the number of listeners that are or can
still be admitted.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role, SessionRef

if TYPE_CHECKING:
    from shared.audience.ports import ConnectionStore, PlaceStore

# Lapsed rows that one count deletes, because a join that recounts has a few seconds. More of them keep their
# places until the next count.
MAX_REMOVALS = 50


# An admitted row keeps its place for so long after its expiry: to a join whose clock is behind, the session
# may not have expired yet.
EXPIRY_MARGIN_MS = 60_000


class CountPlaces:
    """Lowers the places taken of a session to what its rows need. `clock` returns epoch milliseconds."""

    def __init__(
        self, places: "PlaceStore", connections: "ConnectionStore", clock: Callable[[], int]
    ) -> None:
        self._places = places
        self._connections = connections
        self._clock = clock

    def __call__(self, session: SessionRef, *, without_place: str | None = None) -> list[Connection]:
        """Count the places; return the rows with the session's id that remain. Raises ServiceUnavailable.

        `without_place` is the id of a connection whose own join counts, because it was refused a place.
        """
        places = self._places.get(session)
        rows = self._connections.of_session(session.id)
        now = self._clock()
        listeners = [
            row
            for row in rows
            if row.session == session and row.role is Role.LISTENER and row.id != without_place
        ]
        lapsed = [row.id for row in listeners if row.admitted_at is None and not row.live(now)]
        removed = {
            connection_id
            for connection_id in lapsed[:MAX_REMOVALS]
            # False for a row that is admitted by now, which has a place.
            if self._connections.remove_waiting(session.id, connection_id)
        }
        placed = [row for row in listeners if row.admitted_at is None or row.live(now - EXPIRY_MARGIN_MS)]
        taken = len(placed) - len(removed)
        if taken < places.taken:
            self._places.set_taken(session, taken, generation=places.generation)
        return [row for row in rows if row.id not in removed]
