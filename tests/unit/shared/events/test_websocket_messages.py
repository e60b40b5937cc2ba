"""Messages of clients: what a connection may do, fields, answers and error messages."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import pytest

from shared.errors import (
    FieldError,
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
)
from shared.events.websocket_api import Invocation, Message, message, message_or_invocation
from tests.support.clock import Clock
from tests.support.sessions import ALICE, NOW
from tests.support.websocket_events import CONNECTION_ID, REQUEST_ID
from tests.support.websocket_events import message as event_of


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.events.websocket_api.now_ms", Clock())


@dataclass(frozen=True)
class Note:
    """A model with one field."""

    note: object

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        if "note" not in values:
            raise InvalidRequest(FieldError("note", "note is required"))
        return cls(values["note"])


def publish(fields: dict[str, Any] | str | None = None, **context: Any) -> dict[str, Any]:
    """Return the event of a message of Alice's connection, which may speak."""
    return event_of("publishCaption", fields, **{"speaker": ALICE, **context})


def errors_of(call: Callable[[], object]) -> list[str]:
    """Return the names of the fields for which the call raises InvalidRequest."""
    with pytest.raises(InvalidRequest) as error:
        call()
    return [field for field, _ in error.value.fields]


# who may do what


def test_a_speakers_connection_has_the_subject_that_must_own_the_session():
    assert Message(publish()).speaker == ALICE


@pytest.mark.parametrize(
    "event",
    [
        event_of("publishCaption"),
        publish(listens=True),
        event_of("publishCaption", speaker=None, listens=False),
        event_of("publishCaption", speaker="", listens=False),
    ],
    ids=["listener", "signed-in listener", "anonymous", "empty subject"],
)
def test_no_other_connection_may_speak(event: dict[str, Any]):
    with pytest.raises(NotAuthorized, match=r"^This connection may not send publishCaption$"):
        _ = Message(event).speaker


def test_a_connection_of_an_earlier_release_may_neither_speak_nor_change_its_language():
    event = publish()
    del event["requestContext"]["authorizer"]["asks"]

    for right in ("speaker", "listener"):
        with pytest.raises(NotAuthorized):
            getattr(Message(event), right)


@pytest.mark.parametrize("subject", [None, ALICE], ids=["anonymous", "owner who listens"])
def test_a_connection_that_listens_has_its_id(subject: str | None):
    event = event_of("changeLanguage", speaker=subject, listens=True)

    assert Message(event).listener == CONNECTION_ID


def test_the_speakers_connection_is_no_listener():
    with pytest.raises(NotAuthorized, match=r"^This connection may not send changeLanguage$"):
        _ = Message(event_of("changeLanguage", speaker=ALICE)).listener


@pytest.mark.parametrize(
    "claims",
    [
        {"subject": ALICE, "asks": "speak", "role": "speaker"},
        {"authorizer": {"subject": ALICE, "asks": "speak"}},
        {"requestContext": {"authorizer": {"subject": ALICE, "asks": "speak"}}},
    ],
    ids=["fields", "authorizer", "requestContext"],
)
def test_what_a_connection_may_do_never_comes_from_the_message(claims: dict[str, Any]):
    request = Message(event_of("publishCaption", {**claims, "sessionId": "blessed-shepherd-427"}))

    with pytest.raises(NotAuthorized):
        _ = request.speaker
    assert request.session_id == "blessed-shepherd-427"


# fields


def test_a_message_without_a_session_id_is_about_the_connections_session():
    assert Message(publish(session_id="holy-psalm-100")).session_id == "holy-psalm-100"


@pytest.mark.parametrize(
    "session_id", ["holy-psalm-101", "", None, 427, ["holy-psalm-100"], "HOLY-PSALM-100"]
)
def test_a_message_about_another_session_is_invalid(session_id: object):
    request = Message(publish({"sessionId": session_id, "note": 1}, session_id="holy-psalm-100"))

    assert errors_of(lambda: request.session_id) == ["sessionId"]
    assert errors_of(lambda: request.json(Note)) == ["sessionId"]


def test_a_connection_without_a_session_is_invalid():
    assert errors_of(lambda: Message(publish(session_id="")).session_id) == ["sessionId"]
    assert errors_of(lambda: Message(publish({"note": 1}, session_id="")).json(Note)) == ["sessionId"]


def test_every_invalid_field_is_listed():
    request = Message(publish({"sessionId": "holy-psalm-101"}))

    assert errors_of(lambda: request.json(Note)) == ["sessionId", "note"]


def test_a_model_receives_the_fields_of_the_message():
    assert Message(publish({"note": "ä🙂"})).json(Note) == Note("ä🙂")


def test_a_base64_message_is_decoded():
    event = publish("eyJub3RlIjogMX0=") | {"isBase64Encoded": True}

    assert Message(event).json(Note) == Note(1)


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "1", "null", '"text"', '{"note": NaN}', '{"note": "\\ud800"}', "[" * 100_000, '{"note": 1'],
    ids=["open", "list", "number", "null", "text", "NaN", "half a surrogate pair", "deep", "truncated"],
)
def test_a_message_that_is_no_json_object_is_invalid(text: str):
    assert errors_of(lambda: Message(publish(text)).json(Note)) == ["body"]


def test_a_field_that_is_given_twice_is_invalid():
    assert errors_of(lambda: Message(publish('{"note": 1, "note": 2}')).json(Note)) == ["note"]


# answers


@message
def echo(request: Message) -> dict[str, object]:
    return {"type": "echo", "note": request.json(Note).note}


def raising(error: Exception) -> Any:
    def handler(_: Message) -> dict[str, object]:
        raise error

    return message(handler)


def answer_to(error: Exception, event: dict[str, Any] | None = None) -> dict[str, Any]:
    response = raising(error)(event or publish({"sequence": 7}), None)
    assert response["statusCode"] == 200
    return dict(json.loads(response["body"]))


def test_the_returned_message_is_the_body_of_the_response():
    response = echo(publish({"note": 1}), None)

    assert response["statusCode"] == 200
    assert json.loads(response["body"]) == {"type": "echo", "note": 1}


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InvalidRequest(FieldError("a", "a is odd")), "INVALID_MESSAGE", "a is odd"),
        (
            NotAuthorized("publishCaption"),
            "NOT_AUTHORIZED",
            "This connection may not send publishCaption",
        ),
        (SessionNotFound(), "SESSION_NOT_FOUND", "Session not found"),
        (SessionPaused(), "SESSION_PAUSED", "Session is paused"),
        (SessionEnded(), "SESSION_ENDED", "Session has ended"),
        (RateLimited(7), "RATE_LIMITED", "Too many requests. Try again later"),
        (
            ServiceUnavailable(),
            "SERVICE_UNAVAILABLE",
            "Service temporarily unavailable. Try again",
        ),
        (ZeroDivisionError("table arn:aws:secret"), "INTERNAL_ERROR", "Internal server error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_exception_has_its_error_message(error: Exception, code: str, sentence: str):
    answer = answer_to(error)

    expected = {
        "type": "error",
        "code": code,
        "message": sentence,
        "action": "publishCaption",
        "sequence": 7,
        "timestamp": NOW,
    }
    assert {name: answer[name] for name in expected} == expected
    assert set(answer) - set(expected) <= {"details", "retryAfter"}


def test_only_an_invalid_message_has_details():
    error = InvalidRequest(FieldError("a", "a is odd"), FieldError("b", "b is even"))

    assert answer_to(error)["details"] == [
        {"field": "a", "message": "a is odd"},
        {"field": "b", "message": "b is even"},
    ]
    assert "details" not in answer_to(SessionPaused())


@pytest.mark.parametrize(
    ("error", "seconds"), [(RateLimited(7), 7), (ServiceUnavailable(), 1), (SessionPaused(), None)]
)
def test_a_temporary_refusal_has_the_seconds_to_wait(error: Exception, seconds: int | None):
    assert answer_to(error).get("retryAfter") == seconds


@pytest.mark.parametrize("sequence", [0, -1, 2**31, 10**30])
def test_an_error_message_has_a_sequence_that_is_a_whole_number_even_an_invalid_one(sequence: int):
    assert answer_to(SessionPaused(), publish({"sequence": sequence}))["sequence"] == sequence


@pytest.mark.parametrize(
    "event",
    [publish(), *(publish({"sequence": value}) for value in (True, 1.0, "1", None, [1])), publish("{")],
    ids=["none", "true", "1.0", "text", "null", "list", "no JSON"],
)
def test_an_error_message_has_no_sequence_that_is_no_whole_number(event: dict[str, Any]):
    assert "sequence" not in answer_to(SessionPaused(), event)


def test_an_event_of_another_type_than_a_message_is_refused():
    event = publish({"note": 1})
    event["requestContext"]["eventType"] = "CONNECT"

    answer = json.loads(echo(event, None)["body"])

    assert (answer["code"], answer["details"][0]["field"]) == ("INVALID_MESSAGE", "action")


# invocations that IAM has authorized

EVENT = {"sessionId": "holy-psalm-100", "note": "ä"}


@message_or_invocation("publishCaption")
def echo_to_all(request: Message) -> dict[str, object]:
    return {"speaker": request.speaker, "session": request.session_id, "note": request.json(Note).note}


def test_an_invocation_has_its_session_and_may_speak_in_every_one():
    assert echo_to_all(EVENT, None) == {"speaker": None, "session": "holy-psalm-100", "note": "ä"}


def test_the_same_function_answers_messages():
    response = echo_to_all(publish({"note": 1}), None)

    assert json.loads(response["body"]) == {"speaker": ALICE, "session": "blessed-shepherd-427", "note": 1}


def test_an_event_of_api_gateway_is_never_an_invocation():
    event = event_of("publishCaption", {"note": 1}) | EVENT

    answer = json.loads(echo_to_all(event, None)["body"])

    assert answer["code"] == "NOT_AUTHORIZED"


@pytest.mark.parametrize("request_context", [None, {}], ids=["null", "empty"])
def test_an_event_with_an_empty_request_context_is_no_invocation(request_context: object):
    answer = json.loads(echo_to_all(EVENT | {"requestContext": request_context}, None)["body"])

    assert answer["type"] == "error"


def test_a_function_without_invocations_refuses_them():
    answer = json.loads(echo(EVENT, None)["body"])

    assert (answer["type"], answer["code"]) == ("error", "INVALID_MESSAGE")


def test_a_refused_invocation_returns_the_error_message():
    answer = echo_to_all({"sessionId": 427, "sequence": 3}, None)

    assert (answer["type"], answer["code"], answer["action"]) == (
        "error",
        "INVALID_MESSAGE",
        "publishCaption",
    )
    assert answer["sequence"] == 3
    assert errors_of(lambda: Invocation({"sessionId": 427}, "x").session_id) == ["sessionId"]


@pytest.mark.parametrize(
    ("event", "fields"),
    [({}, ["sessionId", "note"]), ({"sessionId": None, "note": 1}, ["sessionId"])],
)
def test_every_invalid_field_of_an_invocation_is_listed(event: dict[str, Any], fields: list[str]):
    assert errors_of(lambda: Invocation(event, "publishCaption").json(Note)) == fields


@pytest.mark.parametrize("event", [[], [EVENT], "text", 1, None])
def test_an_invocation_that_is_no_object_returns_an_error_message(event: Any):
    answer = echo_to_all(event, None)

    assert (answer["code"], answer["details"][0]["field"]) == ("INVALID_MESSAGE", "body")


# the log line


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(None, 200, None), (SessionPaused(), 409, "SESSION_PAUSED"), (ValueError("bug"), 500, "INTERNAL_ERROR")],
)
def test_a_message_is_logged_once_without_its_fields(
    error: Exception | None, status: int, code: str | None, caplog: pytest.LogCaptureFixture
):
    handler = raising(error) if error else echo

    with caplog.at_level(logging.INFO):
        handler(publish({"note": "what was said"}), None)

    (record,) = caplog.records
    fields = vars(record)
    assert (fields["route"], fields["status"], fields.get("code")) == ("publishCaption", status, code)
    assert fields["apiRequestId"] == REQUEST_ID
    assert "what was said" not in str(fields)
    assert ALICE not in str(fields)


def test_an_invocation_is_logged_once(caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        echo_to_all(EVENT, None)

    (record,) = caplog.records
    assert record.getMessage() == "publishCaption 200"
