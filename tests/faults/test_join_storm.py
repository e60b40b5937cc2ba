"""A thousand joins at once of a session for a hundred listeners, with the real tables in moto."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from moto import mock_aws
from moto.dynamodb.responses import DynamoHandler

from shared.audience.connection import SessionRef
from shared.audience.join import Join
from shared.aws.audiences_table import AudiencesTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.errors import SessionFull
from shared.sessions.session import Language
from tests.support.sessions import a_session
from tests.support.tables import AUDIENCES_TABLE, CONNECTIONS_TABLE, SESSIONS_TABLE, create_tables

JOINS = 1000
LIMIT = 100
THREADS = 100
# Session, row, place, the claim of a count, its two reads and its write, the place again, the removal.
MAX_CALLS = 9


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of tables whose conditional writes are atomic, as DynamoDB's are."""
    call_action, lock = DynamoHandler.call_action, threading.RLock()

    def call_one_at_a_time(handler: DynamoHandler) -> Any:
        with lock:
            return call_action(handler)

    monkeypatch.setattr(DynamoHandler, "call_action", call_one_at_a_time)
    with mock_aws():
        client = create_client(max_connections=THREADS)
        create_tables(client)
        yield client


def test_a_thousand_joins_admit_exactly_a_hundred_listeners_with_a_limited_number_of_calls_each(client: Any):
    now = now_ms()
    session = a_session(created_at=now, expires_at=now // 1000 + 3600, max_listeners=LIMIT)
    sessions = SessionsTable(client, SESSIONS_TABLE)
    connections = ConnectionsTable(client, CONNECTIONS_TABLE)
    places = AudiencesTable(client, AUDIENCES_TABLE)
    sessions.add(session, reusable_before=0)
    local = threading.local()

    def count_call(**_: Any) -> None:
        local.calls += 1

    client.meta.events.register("request-created.dynamodb", count_call)

    def join_session(number: int) -> tuple[str, int]:
        """Join in a container of its own, so that none remembers that the session is full."""
        local.calls = 0
        join = Join(sessions, connections, places, clock=now_ms)
        try:
            join(session.id, f"{number:015d}=", caller=None, target_language=Language.SPANISH)
        except SessionFull:
            return "full", local.calls
        return "joined", local.calls

    with ThreadPoolExecutor(THREADS) as threads:
        results = list(threads.map(join_session, range(JOINS)))

    local.calls = 0
    rows = connections.of_session(session.id)
    assert Counter(outcome for outcome, _ in results) == {"joined": LIMIT, "full": JOINS - LIMIT}
    assert len(rows) == sum(row.admitted_at is not None for row in rows) == LIMIT
    assert places.get(SessionRef(session.id, now)).taken == LIMIT
    assert {calls for outcome, calls in results if outcome == "joined"} == {5}
    assert max(calls for _, calls in results) <= MAX_CALLS
