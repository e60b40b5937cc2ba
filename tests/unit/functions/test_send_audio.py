"""audioChunk, from the event to the stream."""

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Session, Status
from tests.support.audio import base64_of, create_stream, data, pcm
from tests.support.aws_calls import recorded_calls
from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables
from tests.support.websocket_events import message

HANDLER = load_handler("send_audio")
SESSIONS: SessionsTable = HANDLER.send_audio._get_session._sessions
KINESIS = HANDLER.send_audio._stream._client
SESSION_ID = "blessed-shepherd-427"
AUDIO_DATA = base64_of(pcm())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Create the stream, and the tables with Alice's active session; return the clock of the function."""
    clock = Clock()
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(SESSIONS._client)
        create_stream(KINESIS)
        store(a_session())
        yield clock


def store(session: Session) -> None:
    """Store the session in place of another one with its id."""
    SESSIONS._client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": session.id}})
    SESSIONS.add(session, reusable_before=NOW_S)


def send(by: str | None = ALICE, listens: bool | None = None, **fields: Any) -> Any:
    """Send a chunk on a connection, Alice's by default; return the answer."""
    fields = {"audioData": AUDIO_DATA, "timestamp": NOW} | fields
    event = message("audioChunk", fields, speaker=by, listens=listens)
    response = HANDLER.handler(event, None)
    assert response.keys() == {"statusCode", "body"}
    assert response["statusCode"] == 200
    return json.loads(response["body"])


def test_a_chunk_is_put_with_two_calls_and_answered():
    with recorded_calls() as calls:
        answer = send(timestamp=NOW - 40, sequence=7)

    assert answer == {"type": "audioAccepted", "timestamp": NOW - 40, "sequence": 7}
    assert calls == ["sessions:GetItem", "PutRecord"]


def test_the_stream_has_the_chunk_with_its_session():
    send(sequence=7)
    send()

    chunk = {
        "sessionId": SESSION_ID,
        "sessionCreatedAt": NOW,
        "timestamp": NOW,
        "audioData": AUDIO_DATA,
    }
    assert data(KINESIS) == [{**chunk, "sequence": 7}, chunk]


def test_the_message_of_older_clients_is_accepted():
    answer = send(sessionId=SESSION_ID, format="pcm", sampleRate=16_000, channels=1, encoding="s16le", n=1)

    assert answer == {"type": "audioAccepted", "timestamp": NOW}


@pytest.mark.parametrize("size", [100, 24_000])
def test_the_shortest_and_the_longest_chunk_are_accepted(size: int):
    assert send(audioData=base64_of(pcm(size)))["type"] == "audioAccepted"
    assert data(KINESIS)[0]["audioData"] == base64_of(pcm(size))


@pytest.mark.parametrize("audio_data", [base64_of(pcm(size)) for size in (99, 101, 24_001)] + ["?" * 400])
def test_a_chunk_of_another_length_is_refused_without_a_call(audio_data: str):
    with recorded_calls() as calls:
        answer = send(audioData=audio_data, sequence=3)

    assert answer == {
        "type": "error",
        "code": "INVALID_MESSAGE",
        "message": "audioData must be base64 of 100 to 24000 bytes, an even number",
        "action": "audioChunk",
        "sequence": 3,
        "timestamp": NOW,
        "details": [
            {
                "field": "audioData",
                "message": "audioData must be base64 of 100 to 24000 bytes, an even number",
            }
        ],
    }
    assert calls == []


def test_an_invalid_message_lists_every_invalid_field():
    answer = send(audioData=1, timestamp="now", sessionId="holy-psalm-100", channels=2)

    assert [detail["field"] for detail in answer["details"]] == [
        *("sessionId", "audioData", "timestamp", "channels")
    ]


def test_a_message_that_is_not_json_is_refused():
    response = HANDLER.handler(message("audioChunk", "{not json", speaker=ALICE), None)

    assert json.loads(response["body"])["code"] == "INVALID_MESSAGE"


def test_a_speaker_cannot_send_audio_to_another_session_by_naming_it():
    store(a_session(id="holy-psalm-100"))

    answer = send(sessionId="holy-psalm-100")

    assert (answer["code"], answer["details"]) == (
        "INVALID_MESSAGE",
        [{"field": "sessionId", "message": "sessionId must be the connection's own"}],
    )
    assert data(KINESIS) == []


@pytest.mark.parametrize(
    ("by", "listens"),
    [(None, None), (ALICE, True), (None, False), (BOB, False), (BOB, True)],
    ids=["listener", "owner who listens", "anonymous who speaks", "another speaker", "another who listens"],
)
def test_nobody_but_the_speaker_sends_audio(by: str | None, listens: bool | None):
    claims = {"subject": ALICE, "asks": "speak", "speakerId": ALICE}

    answer = send(by, listens, sequence=3, **claims)

    assert answer == {
        "type": "error",
        "code": "NOT_AUTHORIZED",
        "message": "This connection may not send audioChunk",
        "action": "audioChunk",
        "sequence": 3,
        "timestamp": NOW,
    }
    assert data(KINESIS) == []


def test_a_listener_costs_no_call_of_aws():
    with recorded_calls() as calls:
        send(by=None)

    assert calls == []


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
    store(a_session(**session))

    assert send()["code"] == code
    assert data(KINESIS) == []


def test_a_session_that_was_deleted_is_not_found():
    SESSIONS._client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": SESSION_ID}})

    assert send()["code"] == "SESSION_NOT_FOUND"


@pytest.mark.parametrize(
    "fault",
    [
        ClientError(
            {
                "Error": {"Code": "ProvisionedThroughputExceededException", "Message": "shardId-7 is full"},
                "ResponseMetadata": {"HTTPStatusCode": 400},  # type: ignore[typeddict-item]
            },
            "PutRecord",
        ),
        ReadTimeoutError(endpoint_url="https://kinesis"),
        EndpointConnectionError(endpoint_url="https://kinesis"),
    ],
    ids=["throttled", "slow", "down"],
)
def test_a_fault_of_kinesis_is_a_temporary_refusal_and_the_next_chunk_is_accepted(
    monkeypatch: pytest.MonkeyPatch, fault: Exception
):
    def fail(**_: Any) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(KINESIS, "put_record", fail)
        answer = send(sequence=3)

    assert answer == {
        "type": "error",
        "code": "SERVICE_UNAVAILABLE",
        "message": "Service temporarily unavailable. Try again",
        "action": "audioChunk",
        "sequence": 3,
        "retryAfter": 1,
        "timestamp": NOW,
    }
    assert send(sequence=3)["type"] == "audioAccepted"
    assert [chunk["sequence"] for chunk in data(KINESIS)] == [3]


def test_a_fault_of_dynamodb_is_a_temporary_refusal(monkeypatch: pytest.MonkeyPatch):
    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    monkeypatch.setattr(SESSIONS._client, "get_item", fail)

    assert send()["code"] == "SERVICE_UNAVAILABLE"
    assert data(KINESIS) == []


def test_a_stream_that_does_not_exist_is_a_bug_that_tells_clients_nothing(
    caplog: pytest.LogCaptureFixture,
):
    KINESIS.delete_stream(StreamName="audio")

    answer = send()

    assert (answer["code"], answer["message"]) == ("INTERNAL_ERROR", "Internal server error")
    assert [record.levelname for record in caplog.records if record.name == "request"] == ["ERROR"]


def test_an_event_of_another_type_is_refused():
    event = message("audioChunk", {"audioData": AUDIO_DATA, "timestamp": NOW}, speaker=ALICE)
    event["requestContext"]["eventType"] = "CONNECT"

    assert json.loads(HANDLER.handler(event, None)["body"])["code"] == "INVALID_MESSAGE"
    assert data(KINESIS) == []


def test_a_log_line_never_has_the_audio(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG, logger="request"):
        send()
        send(timestamp="now")
        send(by=None)

    assert [record.status for record in caplog.records] == [200, 400, 403]
    assert AUDIO_DATA[:40] not in str([vars(record) for record in caplog.records])
