"""The stream of the sessions table, from a batch of records to the people at the sessions."""

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.notifier import Notifier
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Session, Status
from tests.support.connections import a_listener, a_speaker
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, a_session
from tests.support.tables import create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("session_changed")
SESSIONS: SessionsTable = HANDLER.notify._sessions
CONNECTIONS: ConnectionsTable = HANDLER.notify._connections
CLIENTS = [SESSIONS._client, CONNECTIONS._client]
PAUSED = a_session(status=Status.PAUSED, updated_at=NOW + 1)
ENDED = a_session(status=Status.ENDED, ended_at=NOW + 2, updated_at=NOW + 2)
ALL_DONE: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Let a speaker and a listener be at a session."""
    gateway = FakeManagementApi("speaker", "listener")
    sockets = ManagementApi(gateway)  # type: ignore[arg-type]
    clock = SimpleNamespace(now=NOW + 20_000)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    monkeypatch.setattr(HANDLER, "notify", Notifier(SESSIONS, CONNECTIONS, sockets, lambda: clock.now, sleep))
    with mock_aws():
        create_tables(SESSIONS._client)
        CONNECTIONS.add(a_speaker(id="speaker"))
        CONNECTIONS.add(a_listener(id="listener"))
        yield gateway


def is_now(session: Session) -> None:
    SESSIONS.add(session, reusable_before=10**12)


def kinds(gateway: FakeManagementApi, connection_id: str) -> list[str]:
    return [message["type"] for message in gateway.messages.get(connection_id, [])]


def test_a_pause_is_told_to_everyone(gateway: FakeManagementApi):
    is_now(PAUSED)

    answer = HANDLER.handler(stream((a_session(), PAUSED)), LAMBDA_CONTEXT)

    assert answer == ALL_DONE
    assert gateway.messages == {
        name: [
            {
                "type": "sessionUpdated",
                "sessionId": "blessed-shepherd-427",
                "status": "paused",
                "sourceLanguage": "en",
                "qualityTier": "standard",
                "timestamp": NOW + 1,
            }
        ]
        for name in ("speaker", "listener")
    }


@pytest.mark.parametrize(
    ("new", "reason", "timestamp"),
    [(ENDED, "ended", NOW + 2), (None, "expired", a_session().expires_at * 1000)],
)
def test_an_end_is_told_to_everyone_who_is_then_let_go(
    gateway: FakeManagementApi, new: Session | None, reason: str, timestamp: int
):
    answer = HANDLER.handler(stream((a_session(), new)), LAMBDA_CONTEXT)

    message = {
        "type": "sessionEnded",
        "sessionId": "blessed-shepherd-427",
        "reason": reason,
        "timestamp": timestamp,
    }
    assert answer == ALL_DONE
    assert gateway.messages == {"speaker": [message], "listener": [message]}
    assert gateway.closed_by_server == ["speaker", "listener"]
    assert CONNECTIONS.of_session("blessed-shepherd-427") == []


def test_a_change_of_the_count_costs_no_call(gateway: FakeManagementApi):
    counted = replace(a_session(), listener_count=7)
    event = stream((a_session(), counted))
    event["Records"][0]["dynamodb"]["NewImage"]["audienceToldAt"] = {"N": str(NOW)}

    with record_calls(*CLIENTS) as calls:
        answer = HANDLER.handler(event, LAMBDA_CONTEXT)

    assert (answer, calls, gateway.calls) == (ALL_DONE, [], [])


def test_records_that_come_twice_and_in_the_wrong_order_end_right(gateway: FakeManagementApi):
    is_now(ENDED)

    for change in [(PAUSED, ENDED), (a_session(), PAUSED), (PAUSED, ENDED)]:
        assert HANDLER.handler(stream(change), LAMBDA_CONTEXT) == ALL_DONE

    assert kinds(gateway, "listener") == ["sessionEnded"]
    assert (gateway.open, CONNECTIONS.of_session("blessed-shepherd-427")) == (set(), [])


def test_a_busy_api_gateway_has_the_change_sent_again_from_where_it_stopped(gateway: FakeManagementApi):
    is_now(ENDED)

    def busy(_operation: str, connection_id: str) -> None:
        if connection_id == "listener":
            raise client_error(429)

    gateway.before = busy
    event = stream((a_session(), replace(a_session(), listener_count=1)), (a_session(), ENDED))
    little_time = SimpleNamespace(get_remaining_time_in_millis=lambda: 4000)

    first = HANDLER.handler(event, little_time)
    gateway.before = lambda operation, connection_id: None
    second = HANDLER.handler({"Records": event["Records"][1:]}, LAMBDA_CONTEXT)

    assert first == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 1)}]}
    assert second == ALL_DONE
    assert (kinds(gateway, "speaker"), kinds(gateway, "listener")) == (["sessionEnded"], ["sessionEnded"])
    assert gateway.open == set()


def test_people_whose_disconnect_got_lost_are_forgotten(gateway: FakeManagementApi):
    is_now(PAUSED)
    gateway.open.remove("listener")

    HANDLER.handler(stream((a_session(), PAUSED)), LAMBDA_CONTEXT)

    assert [row.id for row in CONNECTIONS.of_session("blessed-shepherd-427")] == ["speaker"]
