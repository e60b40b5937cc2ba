"""joinSession, from the event to the answer."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.aws.connections_table import ConnectionsTable
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Language, Status
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.handlers import load_handler
from tests.support.sessions import ALICE, NOW, NOW_S, a_session
from tests.support.tables import (
    LIVE_CAPTIONS_TABLE,
    SESSIONS_TABLE,
    create_tables,
    record_calls,
)
from tests.support.websocket_events import message

HANDLER = load_handler("join_session")
CONNECTIONS: ConnectionsTable = HANDLER.join_session._connections
CLIENT = HANDLER.client
SESSIONS = SessionsTable(CLIENT, SESSIONS_TABLE)


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Create the tables with Alice's session, her connection and a listener's, at NOW + 7."""
    clock = Clock(NOW + 7)
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(CLIENT)
        SESSIONS.add(a_session(listener_count=1, version=NOW + 3), reusable_before=NOW_S)
        CONNECTIONS.add(a_listener(target_language=Language.FRENCH))
        CONNECTIONS.add(a_speaker(id="speaker"))
        yield


def replace_session(**fields: Any) -> None:
    CLIENT.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": "blessed-shepherd-427"}})
    SESSIONS.add(a_session(**fields), reusable_before=NOW_S)


def join(fields: dict[str, Any] | None = None, **context: Any) -> Any:
    response = HANDLER.handler(message("joinSession", fields, **context), None)
    assert response["statusCode"] == 200
    return json.loads(response["body"])


def test_a_listener_gets_the_current_state_with_two_consistent_reads():
    reads: list[Any] = []
    CLIENT.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: reads.append(params["ConsistentRead"])
    )

    with record_calls(CLIENT) as calls:
        answer = join()

    assert answer == {
        "type": "sessionJoined",
        "sessionId": "blessed-shepherd-427",
        "connectionId": a_listener().id,
        "role": "listener",
        "targetLanguage": "fr",
        "sourceLanguage": "en",
        "qualityTier": "standard",
        "status": "active",
        "version": NOW + 3,
        "listenerCount": 1,
        "timestamp": NOW + 7,
    }
    assert (calls, reads) == (["connections:GetItem", "sessions:GetItem"], [True, True])


def test_the_speaker_gets_the_sequence_to_go_on_from():
    LiveCaptionsTable(CLIENT, LIVE_CAPTIONS_TABLE).publish(a_caption(7), characters_per_minute=0)

    with record_calls(CLIENT) as calls:
        answer = join(connection_id="speaker", speaker=ALICE)

    assert (answer["role"], answer["lastSequence"]) == ("speaker", 7)
    assert calls == ["connections:GetItem", "sessions:GetItem", "live_captions:GetItem"]


def test_the_fields_of_older_clients_change_nothing():
    answer = join({"sessionId": "blessed-shepherd-427", "targetLanguage": "xx", "role": "speaker"})

    assert (answer["role"], answer["targetLanguage"]) == ("listener", "fr")
    assert "lastSequence" not in answer


def test_a_message_about_another_session_is_invalid():
    with record_calls(CLIENT) as calls:
        answer = join({"sessionId": "holy-psalm-100"})

    assert (answer["code"], calls) == ("INVALID_MESSAGE", [])


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ({"status": Status.ENDED}, "SESSION_ENDED"),
        ({"expires_at": NOW_S}, "SESSION_NOT_FOUND"),
        ({"created_at": NOW + 1}, "SESSION_NOT_FOUND"),
    ],
    ids=["ended", "expired", "another one with this id"],
)
def test_a_session_that_is_over_is_refused(session: dict[str, Any], code: str):
    replace_session(**session)

    assert join()["code"] == code


def test_a_connection_that_the_service_has_removed_has_no_session():
    assert join(connection_id="gone")["code"] == "SESSION_NOT_FOUND"


def test_a_row_that_cannot_be_read_is_an_internal_error_without_details():
    item = CONNECTIONS._client.scan(TableName=CONNECTIONS._table)["Items"][0]
    CLIENT.put_item(TableName=CONNECTIONS._table, Item={**item, "joinedAt": {"S": "now"}})

    answer = join(connection_id=item["connectionId"]["S"])

    assert (answer["code"], answer["message"]) == ("INTERNAL_ERROR", "Internal server error")
