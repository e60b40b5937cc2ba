"""The stream of the sessions table, from a batch of records to messages to connected clients."""

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.delivery import Delivery
from shared.audience.notifier import Notifier
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Session, Status
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("session_changed")
SESSIONS: SessionsTable = HANDLER.notify._sessions
CONNECTIONS: ConnectionsTable = HANDLER.notify._delivery._connections
BOOKKEEPING: SessionBookkeeping = HANDLER.notify._bookkeeping
CLIENTS = [SESSIONS._client, CONNECTIONS._client]
PAUSED = a_session(status=Status.PAUSED, updated_at=NOW + 1, version=NOW + 1)
ENDED = a_session(
    status=Status.ENDED, ended_at=NOW + 2, updated_at=NOW + 2, version=NOW + 2, due_at=NOW_S + 120
)
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def management_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Connect a speaker and a listener to a session."""
    management_api = FakeManagementApi("speaker", "listener")
    gateway = ManagementApi(management_api)  # type: ignore[arg-type]
    clock = Clock(NOW + 20_000)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    delivery = Delivery(CONNECTIONS, gateway, ThreadPoolExecutor(2), clock, sleep)
    monkeypatch.setattr(HANDLER, "notify", Notifier(SESSIONS, BOOKKEEPING, delivery))
    with mock_aws():
        create_tables(SESSIONS._client)
        CONNECTIONS.add(a_speaker(id="speaker"))
        CONNECTIONS.add(a_listener(id="listener"))
        yield management_api


def store(session: Session) -> None:
    SESSIONS.add(session, reusable_before=10**12)


def message_types(management_api: FakeManagementApi, connection_id: str) -> list[str]:
    return [message["type"] for message in management_api.messages.get(connection_id, [])]


def test_a_pause_is_sent_to_every_connection(management_api: FakeManagementApi):
    store(PAUSED)

    response = HANDLER.handler(stream((a_session(), PAUSED)), LAMBDA_CONTEXT)

    assert response == NO_FAILURES
    assert management_api.messages == {
        name: [
            {
                "type": "sessionUpdated",
                "sessionId": "blessed-shepherd-427",
                "status": "paused",
                "sourceLanguage": "en",
                "qualityTier": "standard",
                "version": NOW + 1,
                "timestamp": NOW + 1,
            }
        ]
        for name in ("speaker", "listener")
    }


@pytest.mark.parametrize(
    ("new", "reason", "timestamp"),
    [(ENDED, "ended", NOW + 2), (None, "expired", a_session().expires_at * 1000)],
)
def test_an_end_is_sent_to_every_connection_before_it_is_closed(
    management_api: FakeManagementApi, new: Session | None, reason: str, timestamp: int
):
    response = HANDLER.handler(stream((a_session(), new)), LAMBDA_CONTEXT)

    message = {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": reason,
        "timestamp": timestamp,
    }
    assert response == NO_FAILURES
    assert management_api.messages == {"speaker": [message], "listener": [message]}
    assert management_api.closed_by_server == ["speaker", "listener"]
    assert CONNECTIONS.of_session("blessed-shepherd-427") == []


def test_a_change_of_the_listener_count_causes_no_calls(management_api: FakeManagementApi):
    counted = replace(a_session(), listener_count=7)
    event = stream((a_session(), counted))

    with record_calls(*CLIENTS) as calls:
        response = HANDLER.handler(event, LAMBDA_CONTEXT)

    assert (response, calls, management_api.calls) == (NO_FAILURES, [], [])


def test_repeated_and_reordered_records_of_an_end_notify_each_client_once(management_api: FakeManagementApi):
    store(ENDED)

    for change in [(PAUSED, ENDED), (a_session(), PAUSED), (PAUSED, ENDED)]:
        assert HANDLER.handler(stream(change), LAMBDA_CONTEXT) == NO_FAILURES

    assert message_types(management_api, "listener") == ["sessionEnded"]
    assert (management_api.open, CONNECTIONS.of_session("blessed-shepherd-427")) == (set(), [])


def test_after_throttling_by_api_gateway_the_next_invocation_notifies_the_rest(
    management_api: FakeManagementApi,
):
    store(ENDED)

    def throttle_listener(_operation: str, connection_id: str) -> None:
        if connection_id == "listener":
            raise client_error(429)

    management_api.before = throttle_listener
    event = stream((a_session(), replace(a_session(), listener_count=1)), (a_session(), ENDED))
    almost_out_of_time = SimpleNamespace(get_remaining_time_in_millis=lambda: 4000)

    first = HANDLER.handler(event, almost_out_of_time)
    management_api.before = lambda operation, connection_id: None
    second = HANDLER.handler(event, LAMBDA_CONTEXT)

    assert first == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert second == NO_FAILURES
    assert (message_types(management_api, "speaker"), message_types(management_api, "listener")) == (
        ["sessionEnded"],
        ["sessionEnded"],
    )
    assert management_api.open == set()


def test_of_a_burst_of_changes_only_the_newest_is_sent(management_api: FakeManagementApi):
    states = [
        a_session(status=[Status.ACTIVE, Status.PAUSED][n % 2], version=NOW + n, updated_at=NOW + n)
        for n in range(10)
    ]
    store(states[-1])

    HANDLER.handler(stream(*itertools.pairwise(states)), LAMBDA_CONTEXT)

    assert [message["version"] for message in management_api.messages["listener"]] == [NOW + 9]


def test_a_session_that_fails_stops_no_other_of_its_batch(management_api: FakeManagementApi):
    other = a_session(id="holy-psalm-100")
    CONNECTIONS.add(a_listener(id="stranger", session_id=other.id))
    management_api.open.add("stranger")

    def throttle(_operation: str, connection_id: str) -> None:
        if connection_id != "stranger":
            raise client_error(429)

    management_api.before = throttle
    event = stream((a_session(), ENDED), (other, replace(ENDED, id=other.id)))
    almost_out_of_time = SimpleNamespace(get_remaining_time_in_millis=lambda: 4000)

    response = HANDLER.handler(event, almost_out_of_time)

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert message_types(management_api, "stranger") == ["sessionEnded"]


def test_rows_of_another_release_and_unreadable_ones_stop_no_other(management_api: FakeManagementApi):
    CONNECTIONS.add(a_listener(id="future", target_language="uk"))
    management_api.open.add("future")
    future_end = stream((a_session(), replace(ENDED, source_language="uk")))["Records"]  # type: ignore[arg-type]
    unreadable = stream((a_session(), ENDED))["Records"]
    del unreadable[0]["dynamodb"]["NewImage"]["createdAt"]

    assert HANDLER.handler({"Records": unreadable + future_end}, LAMBDA_CONTEXT) == NO_FAILURES

    assert {name: message_types(management_api, name) for name in ("speaker", "listener", "future")} == {
        "speaker": ["sessionEnded"],
        "listener": ["sessionEnded"],
        "future": ["sessionEnded"],
    }


def test_the_end_of_a_session_takes_its_due_time_away(management_api: FakeManagementApi):
    store(ENDED)

    HANDLER.handler(stream((a_session(), ENDED)), LAMBDA_CONTEXT)

    assert SESSIONS.get(ENDED.id) == replace(ENDED, due_at=None)


def test_the_row_of_a_connection_that_no_longer_exists_is_removed(management_api: FakeManagementApi):
    store(PAUSED)
    management_api.open.remove("listener")

    HANDLER.handler(stream((a_session(), PAUSED)), LAMBDA_CONTEXT)

    assert [row.id for row in CONNECTIONS.of_session("blessed-shepherd-427")] == ["speaker"]
