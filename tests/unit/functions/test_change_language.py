"""changeLanguage, from the event to the table."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.connection import Connection
from shared.aws.connections_table import ConnectionsTable
from shared.sessions.session import Language
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.handlers import load_handler
from tests.support.sessions import ALICE, NOW, NOW_S
from tests.support.tables import CONNECTIONS_TABLE, Stream, create_tables, record_calls
from tests.support.websocket_events import message

HANDLER = load_handler("change_language")
CONNECTIONS: ConnectionsTable = HANDLER.change_language._connections
CLIENT = CONNECTIONS._client
SESSION_ID = "blessed-shepherd-427"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Create the tables with a speaker and two listeners."""
    clock = Clock()
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(CLIENT)
        for row in (a_listener(), a_listener(id="other"), a_speaker(id="speaker")):
            CONNECTIONS.add(row)
        yield clock


def change(fields: dict[str, Any] | str | None, **context: Any) -> Any:
    response = HANDLER.handler(message("changeLanguage", fields, **context), None)
    assert response["statusCode"] == 200
    return json.loads(response["body"])


def languages() -> dict[str, object]:
    return {row.id: row.target_language for row in CONNECTIONS.of_session(SESSION_ID)}


UNCHANGED = {a_listener().id: "es", "other": "es", "speaker": None}


def test_a_listeners_language_changes_with_one_call():
    with record_calls(CLIENT) as calls:
        answer = change({"targetLanguage": "fr"})

    assert answer == {"type": "languageChanged", "targetLanguage": "fr", "timestamp": NOW}
    assert calls == ["connections:UpdateItem"]
    assert languages() == UNCHANGED | {a_listener().id: "fr"}


def test_the_change_is_in_the_stream_that_counts_listeners_and_sends_captions():
    stream = Stream(CLIENT, CONNECTIONS_TABLE)
    stream.new_records()

    change({"targetLanguage": "fr"})

    (record,) = stream.new_records()
    assert record["eventName"] == "MODIFY"
    assert record["dynamodb"]["NewImage"]["targetLanguage"] == {"S": "fr"}


def test_the_owner_who_listens_changes_the_language():
    assert change({"targetLanguage": "fr"}, speaker=ALICE, listens=True)["type"] == "languageChanged"


@pytest.mark.parametrize("row", [a_speaker(), a_listener()], ids=["speaker's row", "listener's row"])
def test_a_connection_that_speaks_has_no_language_whatever_its_message_says(row: Connection):
    with record_calls(CLIENT) as calls:
        answer = change(
            {"targetLanguage": "fr", "asks": "listen", "role": "listener", "connectionId": row.id},
            speaker=ALICE,
            connection_id=row.id,
        )

    assert (answer["code"], answer["action"], calls) == ("NOT_AUTHORIZED", "changeLanguage", [])
    assert languages() == UNCHANGED


def test_a_listener_cannot_change_the_language_of_another():
    change({"targetLanguage": "fr", "connectionId": "other"})

    assert languages()["other"] == Language.SPANISH


def test_a_row_of_a_speaker_is_not_changed_even_for_a_context_that_listens():
    answer = change({"targetLanguage": "fr"}, connection_id="speaker")

    assert (answer["code"], languages()) == ("SESSION_NOT_FOUND", UNCHANGED)


def test_a_connection_without_a_row_has_no_session_and_gets_no_row():
    answer = change({"targetLanguage": "fr"}, connection_id="gone")

    assert (answer["code"], languages()) == ("SESSION_NOT_FOUND", UNCHANGED)


def test_a_connection_of_an_expired_session_has_no_session(clock: Clock):
    expiring = a_listener(expires_at=NOW_S + 1)
    CONNECTIONS.remove(expiring.session_id, expiring.id)
    CONNECTIONS.add(expiring)
    clock.now = (NOW_S + 1) * 1000

    assert change({"targetLanguage": "fr"})["code"] == "SESSION_NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "invalid"),
    [
        ({}, ["targetLanguage"]),
        ({"targetLanguage": "xx"}, ["targetLanguage"]),
        ({"targetLanguage": None}, ["targetLanguage"]),
        ({"targetLanguage": "fr", "sessionId": "holy-psalm-100"}, ["sessionId"]),
        ({"targetLanguage": 1, "sessionId": 2}, ["sessionId", "targetLanguage"]),
        ('{"action": "changeLanguage", "targetLanguage": "fr", "targetLanguage": "de"}', ["targetLanguage"]),
    ],
)
def test_an_invalid_message_lists_every_invalid_field_without_a_call(
    fields: dict[str, Any] | str, invalid: list[str]
):
    with record_calls(CLIENT) as calls:
        answer = change(fields)

    assert (answer["code"], calls) == ("INVALID_MESSAGE", [])
    assert [detail["field"] for detail in answer["details"]] == invalid


def test_an_invocation_without_a_connection_is_refused():
    response = HANDLER.handler({"sessionId": SESSION_ID, "targetLanguage": "fr"}, None)

    assert json.loads(response["body"])["type"] == "error"
    assert languages() == UNCHANGED
