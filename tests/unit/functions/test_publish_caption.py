"""publishCaption, from the event to the table, and invoked by IAM."""

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.captions.caption import Caption
from shared.sessions.session import Session, Status
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.handlers import SETTINGS, load_handler
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables, record_calls
from tests.support.websocket_events import message

HANDLER = load_handler("publish_caption")
LIVE_CAPTIONS: LiveCaptionsTable = HANDLER.publish_caption._live_captions
CLIENT = LIVE_CAPTIONS._client
SESSIONS = SessionsTable(CLIENT, SESSIONS_TABLE)
SESSION_ID = "blessed-shepherd-427"
TEXT = "Good morning, everybody."


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Create the tables with Alice's active session; return the clock of the function."""
    clock = Clock()
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(CLIENT)
        store(a_session())
        yield clock


def store(session: Session) -> None:
    SESSIONS.add(session, reusable_before=2 * NOW_S)


def publish(sequence: object = 1, text: object = TEXT, *, by: str | None = ALICE, **fields: Any) -> Any:
    """Send a caption on a connection, Alice's by default; return the answer."""
    listens = fields.pop("listens", None)
    event = message(
        "publishCaption", {"sequence": sequence, "text": text, **fields}, speaker=by, listens=listens
    )
    response = HANDLER.handler(event, None)
    assert response.keys() == {"statusCode", "body"}
    assert response["statusCode"] == 200
    return json.loads(response["body"])


def last() -> Caption | None:
    return LIVE_CAPTIONS.last(a_caption().session)


def test_a_caption_is_published_with_three_calls_and_answered_with_its_sequence():
    with record_calls(CLIENT) as calls:
        answer = publish(7)

    assert answer == {"type": "captionPublished", "sequence": 7, "timestamp": NOW}
    # The second update begins the minute.
    assert calls == ["sessions:GetItem", "live_captions:UpdateItem", "live_captions:UpdateItem"]
    assert last() == a_caption(7, text=TEXT)


def test_a_further_caption_of_a_minute_is_published_with_two_calls():
    publish(1)

    with record_calls(CLIENT) as calls:
        publish(2, spokenAt=NOW)

    assert calls == ["sessions:GetItem", "live_captions:UpdateItem"]


def test_a_repeat_is_answered_with_two_calls_and_changes_nothing(clock: Clock):
    publish(7)
    clock.now += 4000

    with record_calls(CLIENT) as calls:
        answer = publish(7)

    assert answer == {"type": "captionPublished", "sequence": 7, "timestamp": NOW + 4000}
    assert calls == ["sessions:GetItem", "live_captions:UpdateItem"]
    assert last() == a_caption(7, text=TEXT)


def test_a_repeat_is_answered_while_the_session_is_paused_and_nothing_else_is():
    publish(7)
    CLIENT.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": SESSION_ID}})
    store(a_session(status=Status.PAUSED))

    answers = [publish(7), publish(8), publish(7, "Another text.")]

    assert [answer.get("code", answer["type"]) for answer in answers] == [
        "captionPublished",
        "SESSION_PAUSED",
        "SESSION_PAUSED",
    ]
    assert last() == a_caption(7, text=TEXT)


@pytest.mark.parametrize(
    ("by", "listens"),
    [(None, None), (ALICE, True), (None, False), (BOB, False), (BOB, True)],
    ids=["listener", "owner who listens", "anonymous who speaks", "another speaker", "another who listens"],
)
def test_nobody_but_the_speaker_publishes(by: str | None, listens: bool | None):
    claims = {"subject": ALICE, "asks": "speak", "speakerId": ALICE, "sessionId": SESSION_ID}

    answer = publish(3, by=by, listens=listens, **claims)

    assert answer == {
        "type": "error",
        "code": "NOT_AUTHORIZED",
        "message": "This connection may not send publishCaption",
        "action": "publishCaption",
        "sequence": 3,
        "timestamp": NOW,
    }
    assert last() is None


def test_a_listener_costs_no_call_of_aws():
    with record_calls(CLIENT) as calls:
        publish(by=None)

    assert calls == []


def test_a_speaker_cannot_publish_in_another_session_by_naming_it():
    store(a_session(id="holy-psalm-100"))

    answer = publish(sessionId="holy-psalm-100")

    assert (answer["code"], answer["details"]) == (
        "INVALID_MESSAGE",
        [{"field": "sessionId", "message": "sessionId must be the connection's own"}],
    )


def test_an_invalid_message_lists_every_invalid_field_without_a_call():
    with record_calls(CLIENT) as calls:
        answer = publish(0, "", spokenAt="now", sessionId="holy-psalm-100")

    assert (answer["code"], answer["sequence"], calls) == ("INVALID_MESSAGE", 0, [])
    assert [detail["field"] for detail in answer["details"]] == ["sessionId", "sequence", "text", "spokenAt"]


def test_unknown_fields_of_older_clients_are_ignored():
    assert publish(duration=3.5, chunkId="c-1", sessionId=SESSION_ID)["type"] == "captionPublished"


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ({"status": Status.ENDED}, "SESSION_ENDED"),
        ({"status": Status.PAUSED}, "SESSION_PAUSED"),
        ({"expires_at": NOW_S}, "SESSION_NOT_FOUND"),
        ({"speaker": BOB}, "NOT_AUTHORIZED"),
    ],
)
def test_the_session_must_be_the_speakers_and_active(session: dict[str, Any], code: str):
    CLIENT.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": SESSION_ID}})
    store(a_session(**session))

    assert publish()["code"] == code
    assert last() is None


def test_the_characters_of_a_minute_are_limited():
    answers = [publish(sequence, "x" * 1000) for sequence in (1, 2, 3)]

    assert [answer["type"] for answer in answers] == ["captionPublished", "captionPublished", "error"]
    assert (answers[2]["code"], answers[2]["sequence"]) == ("RATE_LIMITED", 3)
    assert answers[2]["retryAfter"] == 60 - NOW_S % 60


def test_the_setting_is_the_limit():
    handler = load_handler("publish_caption", SETTINGS | {"CAPTION_CHARACTERS_PER_MINUTE": "5"})
    event = message("publishCaption", {"sequence": 1, "text": "123456"}, speaker=ALICE)

    assert json.loads(handler.handler(event, None)["body"])["code"] == "RATE_LIMITED"


def test_a_fault_of_dynamodb_is_a_temporary_refusal(monkeypatch: pytest.MonkeyPatch):
    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(HANDLER.publish_caption._live_captions._client, "update_item", fail)

    answer = publish(3)

    assert (answer["code"], answer["retryAfter"], answer["sequence"]) == ("SERVICE_UNAVAILABLE", 1, 3)


def test_an_event_of_another_type_is_refused():
    event = message("publishCaption", {"sequence": 1, "text": TEXT}, speaker=ALICE)
    event["requestContext"]["eventType"] = "CONNECT"

    assert json.loads(HANDLER.handler(event, None)["body"])["code"] == "INVALID_MESSAGE"
    assert last() is None


# invoked by IAM


def test_a_pipeline_publishes_without_a_connection():
    event = {"sessionId": SESSION_ID, "sequence": 7, "text": TEXT, "spokenAt": NOW}

    answers = [HANDLER.handler(event, None) for _ in range(2)]

    assert answers == [{"type": "captionPublished", "sequence": 7, "timestamp": NOW}] * 2
    assert last() == a_caption(7, text=TEXT)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sessionId": "holy-psalm-100"}, "SESSION_NOT_FOUND"),
        ({"sessionId": "../sessions"}, "SESSION_NOT_FOUND"),
        ({"sessionId": 427}, "INVALID_MESSAGE"),
        ({"sequence": True}, "INVALID_MESSAGE"),
        ({"text": "a\ud800"}, "INVALID_MESSAGE"),
    ],
)
def test_a_refused_invocation_returns_the_error_and_does_not_fail(fields: dict[str, Any], code: str):
    answer = HANDLER.handler({"sessionId": SESSION_ID, "sequence": 7, "text": TEXT, **fields}, None)

    assert (answer["type"], answer["code"], answer["action"]) == ("error", code, "publishCaption")
    assert last() is None


# logs


def test_a_log_line_never_has_the_text(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, logger="request"):
        publish(1, "what was said")
        publish(1, "what was changed")
        publish("what was sent", "what was said")
        HANDLER.handler({"sessionId": SESSION_ID, "sequence": 2, "text": "what was recognized"}, None)

    assert [record.status for record in caplog.records] == [200, 400, 400, 200]
    assert "what was" not in str([vars(record) for record in caplog.records])
