"""Six hundred who come at the same moment: exactly as many come in as there is room for."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from shared.audience.connection import Connection
from shared.audience.join import Join
from shared.errors import SessionFull
from shared.sessions.session import Language
from tests.support.memory_stores import MemoryConnections, MemorySessions
from tests.support.sessions import NOW, a_session

CROWD = 600
LIMIT = 500


class FarAway(MemoryConnections):
    """Connections that take a moment to be reached, so that others come in between."""

    def add(self, connection: Connection) -> None:
        time.sleep(0.001)
        super().add(connection)

    def of_session(self, session_id: str) -> list[Connection]:
        found = super().of_session(session_id)
        time.sleep(0.001)
        return found


def test_six_hundred_come_at_once_and_exactly_five_hundred_come_in():
    session, sessions, connections = a_session(), MemorySessions(), FarAway()
    sessions.add(session, reusable_before=0)
    join = Join(sessions, connections, max_listeners=LIMIT, clock=lambda: NOW, sleep=time.sleep)
    all_here = Barrier(CROWD)

    def come(number: int) -> str:
        all_here.wait(60)
        try:
            join(session.id, f"{number:015d}=", caller=None, target_language=Language.SPANISH)
        except SessionFull:
            return "full"
        return "in"

    with ThreadPoolExecutor(CROWD) as crowd:
        answers = Counter(crowd.map(come, range(CROWD)))

    rows = connections.of_session(session.id)
    assert answers == {"in": LIMIT, "full": CROWD - LIMIT}
    assert len(rows) == sum(row.admitted_at is not None for row in rows) == LIMIT
