"""The stream of the connections table, from a batch of records to the counts of its sessions."""

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
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("connections_changed")
COUNTS = HANDLER.count_listeners._counts
CONNECTIONS: ConnectionsTable = HANDLER.count_listeners._connections
SESSIONS = SessionsTable(CONNECTIONS._client, SESSIONS_TABLE)
CLIENTS = [COUNTS._client, CONNECTIONS._client]
ALL_DONE: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Let a session be there, with nobody at it."""
    gateway = FakeManagementApi("speaker")
    sockets = ManagementApi(gateway)  # type: ignore[arg-type]
    clock = SimpleNamespace(now=NOW + 20_000)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    monkeypatch.setattr(
        HANDLER,
        "count_listeners",
        ListenerCounter(COUNTS, CONNECTIONS, sockets, lambda: clock.now, sleep, lambda _count: None),
    )
    with mock_aws():
        create_tables(CONNECTIONS._client)
        SESSIONS.add(a_session(), reusable_before=NOW_S)
        yield gateway


def session() -> Session | None:
    return SESSIONS.get("blessed-shepherd-427")


def test_one_who_has_come_in_is_counted_with_two_calls(gateway: FakeManagementApi):
    CONNECTIONS.add(a_listener())

    with record_calls(*CLIENTS) as calls:
        answer = HANDLER.handler(stream((a_waiting_listener(), a_listener())), LAMBDA_CONTEXT)

    assert (answer, calls) == (ALL_DONE, ["connections:Query", "sessions:UpdateItem"])
    assert session() == a_session(listener_count=1)


def test_one_who_has_left_is_not(gateway: FakeManagementApi):
    COUNTS.set_listener_count(SessionRef("blessed-shepherd-427", NOW), 1)

    HANDLER.handler(stream((a_listener(), None)), LAMBDA_CONTEXT)

    assert session() == a_session(listener_count=0)


def test_many_changes_of_one_session_are_counted_once(gateway: FakeManagementApi):
    rows = [a_listener(id=f"listener-{number}") for number in range(20)]
    for row in rows:
        CONNECTIONS.add(row)

    with record_calls(*CLIENTS) as calls:
        HANDLER.handler(stream(*((row, row) for row in rows), (a_listener(), None)), LAMBDA_CONTEXT)

    assert calls == ["connections:Query", "sessions:UpdateItem"]
    assert session() == a_session(listener_count=20)


def test_the_same_changes_twice_and_backwards_make_no_difference(gateway: FakeManagementApi):
    CONNECTIONS.add(a_listener(id="a"))
    changes = [(a_waiting_listener(id="a"), a_listener(id="a")), (a_listener(id="b"), None)]

    for batch in (changes, changes, changes[::-1]):
        HANDLER.handler(stream(*batch), LAMBDA_CONTEXT)

    assert session() == a_session(listener_count=1)


def test_the_speaker_is_told_who_listens(gateway: FakeManagementApi):
    CONNECTIONS.add(a_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    HANDLER.handler(stream((a_waiting_listener(), a_listener())), LAMBDA_CONTEXT)

    assert gateway.messages == {
        "speaker": [{"type": "audience", "listenerCount": 1, "byLanguage": {"es": 1}}]
    }


def test_a_change_at_a_session_that_is_gone_is_done(gateway: FakeManagementApi):
    old = a_listener(session_created_at=NOW - 30 * 60 * 60 * 1000)

    assert HANDLER.handler(stream((old, None)), LAMBDA_CONTEXT) == ALL_DONE

    assert session() == a_session()


def test_a_busy_api_gateway_has_the_batch_sent_again_and_the_count_is_true_already(
    gateway: FakeManagementApi,
):
    CONNECTIONS.add(a_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    def busy(_operation: str, _connection_id: str) -> None:
        raise client_error(429)

    gateway.before = busy
    event = stream((a_waiting_listener(), a_listener()))

    answer = HANDLER.handler(event, LAMBDA_CONTEXT)

    assert answer == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert session() == a_session(listener_count=1)
