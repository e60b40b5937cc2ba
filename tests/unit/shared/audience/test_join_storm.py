"""Six hundred concurrent joins of a session for five hundred listeners: exactly five hundred are admitted."""

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

JOINS = 600
LIMIT = 500


class SlowConnections(MemoryConnections):
    """A store whose calls take a millisecond, so that the joins interleave."""

    def add(self, connection: Connection) -> None:
        time.sleep(0.001)
        super().add(connection)

    def of_session(self, session_id: str) -> list[Connection]:
        rows = super().of_session(session_id)
        time.sleep(0.001)
        return rows


def test_six_hundred_concurrent_joins_admit_exactly_five_hundred_listeners():
    session, sessions, connections = a_session(), MemorySessions(), SlowConnections()
    sessions.add(session, reusable_before=0)
    join = Join(sessions, connections, max_listeners=LIMIT, clock=lambda: NOW, sleep=time.sleep)
    start = Barrier(JOINS)

    def join_session(number: int) -> str:
        start.wait(60)
        try:
            join(session.id, f"{number:015d}=", caller=None, target_language=Language.SPANISH)
        except SessionFull:
            return "full"
        return "admitted"

    with ThreadPoolExecutor(JOINS) as threads:
        outcomes = Counter(threads.map(join_session, range(JOINS)))

    rows = connections.of_session(session.id)
    assert outcomes == {"admitted": LIMIT, "full": JOINS - LIMIT}
    assert len(rows) == sum(row.admitted_at is not None for row in rows) == LIMIT
