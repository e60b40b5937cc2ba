"""The stream of the connections table, from a batch of records to listener counts and notified speakers."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.listener_counter import ListenerCounter, SessionRef
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Session
from tests.support.connection_gateway import Gateway, fault
from tests.support.connection_tables import make_tables
from tests.support.connections import a_listener, a_newcomer, the_speaker
from tests.support.handlers import LAMBDA_CONTEXT, calls_of, load_handler
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import TABLE
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("connections_changed")
COUNTS = HANDLER.count_listeners._counts
CONNECTIONS: ConnectionsTable = HANDLER.count_listeners._connections
SESSIONS = SessionsTable(CONNECTIONS._client, TABLE)
CLIENTS = [COUNTS._client, CONNECTIONS._client]
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Create a session without connections, and open a WebSocket that its speaker may use."""
    gateway = Gateway("speaker")
    management_api = ManagementApi(gateway)  # type: ignore[arg-type]
    clock = SimpleNamespace(now=NOW + 20_000)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    monkeypatch.setattr(
        HANDLER,
        "count_listeners",
        ListenerCounter(COUNTS, CONNECTIONS, management_api, lambda: clock.now, sleep, lambda _count: None),
    )
    with mock_aws():
        make_tables(CONNECTIONS._client)
        SESSIONS.add(a_session(), reusable_before=NOW_S)
        yield gateway


def stored_session() -> Session | None:
    return SESSIONS.get("blessed-shepherd-427")


def test_an_admitted_listener_is_counted_with_two_calls(gateway: Gateway):
    CONNECTIONS.add(a_listener())

    with calls_of(*CLIENTS) as calls:
        response = HANDLER.handler(stream((a_newcomer(), a_listener())), LAMBDA_CONTEXT)

    assert (response, calls) == (NO_FAILURES, ["connections:Query", "sessions:UpdateItem"])
    assert stored_session() == a_session(listener_count=1)


def test_a_disconnected_listener_is_not_counted(gateway: Gateway):
    COUNTS.set_listener_count(SessionRef("blessed-shepherd-427", NOW), 1)

    HANDLER.handler(stream((a_listener(), None)), LAMBDA_CONTEXT)

    assert stored_session() == a_session(listener_count=0)


def test_a_session_is_counted_once_for_all_its_changes_in_a_batch(gateway: Gateway):
    rows = [a_listener(id=f"listener-{number}") for number in range(20)]
    for row in rows:
        CONNECTIONS.add(row)

    with calls_of(*CLIENTS) as calls:
        HANDLER.handler(stream(*((row, row) for row in rows), (a_listener(), None)), LAMBDA_CONTEXT)

    assert calls == ["connections:Query", "sessions:UpdateItem"]
    assert stored_session() == a_session(listener_count=20)


def test_repeated_and_reordered_records_lead_to_the_same_count(gateway: Gateway):
    CONNECTIONS.add(a_listener(id="a"))
    changes = [(a_newcomer(id="a"), a_listener(id="a")), (a_listener(id="b"), None)]

    for batch in (changes, changes, changes[::-1]):
        HANDLER.handler(stream(*batch), LAMBDA_CONTEXT)

    assert stored_session() == a_session(listener_count=1)


def test_the_speaker_is_notified_of_the_number_of_listeners_by_language(gateway: Gateway):
    CONNECTIONS.add(the_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    HANDLER.handler(stream((a_newcomer(), a_listener())), LAMBDA_CONTEXT)

    assert gateway.told == {"speaker": [{"type": "audience", "listenerCount": 1, "byLanguage": {"es": 1}}]}


def test_a_change_of_a_session_whose_id_has_been_reused_is_ignored(gateway: Gateway):
    listener_of_earlier_session = a_listener(session_created_at=NOW - 30 * 60 * 60 * 1000)

    assert HANDLER.handler(stream((listener_of_earlier_session, None)), LAMBDA_CONTEXT) == NO_FAILURES

    assert stored_session() == a_session()


def test_when_api_gateway_throttles_the_batch_fails_but_the_count_is_correct(gateway: Gateway):
    CONNECTIONS.add(the_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    def throttle(_operation: str, _connection_id: str) -> None:
        raise fault(429)

    gateway.before = throttle
    event = stream((a_newcomer(), a_listener()))

    response = HANDLER.handler(event, LAMBDA_CONTEXT)

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert stored_session() == a_session(listener_count=1)
