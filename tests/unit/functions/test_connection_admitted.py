"""The stream of the connections table, from a batch of records to welcomed connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from shared.aws.captions_table import CaptionsTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.captions.welcome import Welcome
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import CAPTIONS_TABLE, SESSIONS_TABLE, create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("connection_admitted")
WELCOME: Welcome = HANDLER.welcome
CLIENT = HANDLER.client
CONNECTIONS: ConnectionsTable = HANDLER.welcome._connections
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
LISTENER = a_listener()
ADMISSION = (a_waiting_listener(), LISTENER)


@pytest.fixture
def management_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Create a session with one caption, and the open WebSockets of a listener and of the speaker."""
    management_api = FakeManagementApi(LISTENER.id, "speaker")
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    monkeypatch.setattr(HANDLER.welcome, "_gateway", ManagementApi(management_api))  # type: ignore[arg-type]
    monkeypatch.setattr(HANDLER.welcome, "_clock", clock)
    monkeypatch.setattr(HANDLER.welcome, "_sleep", sleep)
    monkeypatch.setattr(HANDLER.welcome._describe_session, "_clock", clock)
    monkeypatch.setattr(HANDLER.welcome._describe_session._get_session, "_clock", clock)
    with mock_aws(), ThreadPoolExecutor(1) as executor:
        # moto's writes are not atomic between threads.
        monkeypatch.setattr(HANDLER.welcome, "_executor", executor)
        create_tables(CLIENT)
        SessionsTable(CLIENT, SESSIONS_TABLE).add(a_session(), reusable_before=NOW_S)
        captions = CaptionsTable(CLIENT, CAPTIONS_TABLE)
        captions.add(a_caption())
        captions.set_translations(a_caption(), {Language.SPANISH: "Frase 1."})
        yield management_api


def types(management_api: FakeManagementApi, connection_id: str = LISTENER.id) -> list[str]:
    return [message["type"] for message in management_api.messages.get(connection_id, [])]


def test_an_admitted_listener_is_welcomed_with_two_reads(management_api: FakeManagementApi):
    with record_calls(CLIENT) as calls:
        response = HANDLER.handler(stream(ADMISSION), LAMBDA_CONTEXT)

    assert response == NO_FAILURES
    joined, captions = management_api.messages[LISTENER.id]
    assert (joined["type"], joined["timestamp"], joined["role"]) == ("sessionJoined", NOW, "listener")
    assert [(view["language"], view["text"]) for view in captions["captions"]] == [("es", "Frase 1.")]
    assert calls == ["sessions:GetItem", "captions:Query"]


def test_an_admitted_speaker_is_welcomed_with_two_reads(management_api: FakeManagementApi):
    speaker = a_speaker(id="speaker")

    with record_calls(CLIENT) as calls:
        HANDLER.handler(stream((replace(speaker, admitted_at=None), speaker)), LAMBDA_CONTEXT)

    ((joined),) = management_api.messages["speaker"]
    assert (joined["role"], joined["lastSequence"]) == ("speaker", 0)
    assert calls == ["sessions:GetItem", "live_captions:GetItem"]


def test_a_listener_who_changes_the_language_is_sent_captions(management_api: FakeManagementApi):
    french = replace(LISTENER, target_language=Language.FRENCH)

    HANDLER.handler(stream((LISTENER, french)), LAMBDA_CONTEXT)

    (captions,) = management_api.messages[LISTENER.id]
    assert (captions["type"], captions["captions"][0]["text"]) == ("captions", "Sentence 1.")


def test_the_text_of_a_message_is_sent_in_utf_8(management_api: FakeManagementApi):
    CaptionsTable(CLIENT, CAPTIONS_TABLE).add(a_caption(2, text="你好 🙂"))

    HANDLER.handler(stream(ADMISSION), LAMBDA_CONTEXT)

    assert management_api.messages[LISTENER.id][1]["captions"][1]["text"] == "你好 🙂"


def test_other_records_cost_no_call(management_api: FakeManagementApi):
    batch = stream((LISTENER, None), (None, a_waiting_listener()), (LISTENER, LISTENER))

    with record_calls(CLIENT) as calls:
        response = HANDLER.handler(batch, LAMBDA_CONTEXT)

    assert (response, calls, management_api.calls) == (NO_FAILURES, [], [])


def test_a_connection_that_is_gone_is_removed(management_api: FakeManagementApi):
    gone = a_listener(id="gone")
    CONNECTIONS.add(gone)
    CONNECTIONS.add(LISTENER)

    response = HANDLER.handler(stream((replace(gone, admitted_at=None), gone), ADMISSION), LAMBDA_CONTEXT)

    assert response == NO_FAILURES
    assert [row.id for row in CONNECTIONS.of_session(gone.session_id)] == [LISTENER.id]
    assert types(management_api) == ["sessionJoined", "captions"]


def test_a_batch_is_retried_when_api_gateway_throttles_for_long(management_api: FakeManagementApi):
    def throttle(_operation: str, _connection_id: str) -> None:
        raise client_error(429)

    management_api.before = throttle
    batch = stream((LISTENER, LISTENER), ADMISSION)

    response = HANDLER.handler(batch, LAMBDA_CONTEXT)

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(batch, 0)}]}


def test_a_connection_that_api_gateway_rejects_is_not_retried(management_api: FakeManagementApi):
    def reject(_operation: str, _connection_id: str) -> None:
        raise client_error(403)

    management_api.before = reject

    assert HANDLER.handler(stream(ADMISSION), LAMBDA_CONTEXT) == NO_FAILURES
    assert len(management_api.calls) == 1


def test_a_row_that_cannot_be_read_stops_no_other(management_api: FakeManagementApi):
    batch = stream(ADMISSION, ADMISSION)
    del batch["Records"][0]["dynamodb"]["NewImage"]["joinedAt"]

    assert HANDLER.handler(batch, LAMBDA_CONTEXT) == NO_FAILURES
    assert types(management_api) == ["sessionJoined", "captions"]
