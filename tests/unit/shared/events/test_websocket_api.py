"""The WebSocket edge: what an event says, what a refusal looks like, and what the authorizer answers."""

import json
import logging
from typing import Any

import pytest

from shared.errors import (
    AuthenticationRequired,
    FieldError,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
)
from shared.events.authorizer import Handshake, Unauthorized, authorizer
from shared.events.websocket_api import Request, Response, accepted, endpoint
from shared.sessions.session import Language
from tests.support.sessions import ALICE
from tests.support.websocket_events import (
    ADDRESS,
    CONNECTION_ID,
    METHOD_ARN,
    REQUEST_ID,
    authorize,
    connect,
    disconnect,
)

# requests


def test_a_connect_says_who_wants_to_hear_what_where():
    request = Request(connect("holy-psalm-100", language="es", speaker=ALICE))

    assert request.session_id == "holy-psalm-100"
    assert request.connection_id == CONNECTION_ID
    assert request.caller == ALICE
    assert request.target_language is Language.SPANISH
    assert request.source_address == ADDRESS
    assert request.route == "$connect"


def test_a_disconnect_says_which_connection_has_left_which_session():
    request = Request(disconnect("holy-psalm-100", connection_id="x="))

    assert (request.session_id, request.connection_id, request.caller) == ("holy-psalm-100", "x=", None)


def test_the_session_is_the_one_that_the_authorizer_saw_and_no_other():
    event = connect("holy-psalm-100")
    event["queryStringParameters"] = {"sessionId": "blessed-shepherd-427"}

    assert Request(event).session_id == "holy-psalm-100"


@pytest.mark.parametrize(
    "event", [connect(None), {"requestContext": {}}, {"requestContext": {"authorizer": None}}]
)
def test_without_a_session_id_the_request_is_bad(event: dict[str, Any]):
    with pytest.raises(InvalidRequest) as refused:
        _ = Request(event).session_id

    assert refused.value.fields == (FieldError("sessionId", "sessionId is required"),)


@pytest.mark.parametrize("language", ["", "EN", " es", "xx", "es,de", "español"])
def test_a_language_that_is_none_is_named_with_all_that_are(language: str):
    with pytest.raises(InvalidRequest) as refused:
        _ = Request(connect(language=language)).target_language

    assert refused.value.fields[0].field == "targetLanguage"
    assert str(refused.value).startswith("Invalid targetLanguage. Supported: en, es, fr,")


def test_a_speaker_asks_for_no_language():
    assert Request(connect()).target_language is None


# refusals


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequest(FieldError("sessionId", "sessionId is required")), 400, "INVALID_REQUEST"),
        (SessionNotFound(), 404, "SESSION_NOT_FOUND"),
        (SessionEnded(), 410, "SESSION_ENDED"),
        (RateLimited(7), 429, "RATE_LIMITED"),
        (SessionFull(), 503, "SESSION_FULL"),
        (ServiceUnavailable(), 503, "SERVICE_UNAVAILABLE"),
        (ZeroDivisionError("table arn:aws:secret"), 500, "INTERNAL_ERROR"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_each_refusal_has_its_status_and_code(error: Exception, status: int, code: str):
    def refuse(_: Request) -> Response:
        raise error

    answer = endpoint(refuse)(connect(), None)

    assert answer["statusCode"] == status
    assert (json.loads(answer["body"])["code"], json.loads(answer["body"])["requestId"]) == (code, REQUEST_ID)
    assert "arn:" not in answer["body"]


@pytest.mark.parametrize(("error", "seconds"), [(RateLimited(7), "7"), (ServiceUnavailable(), "1")])
def test_a_refusal_that_time_cures_says_when_to_come_back(error: Exception, seconds: str):
    def refuse(_: Request) -> Response:
        raise error

    assert endpoint(refuse)(connect(), None)["headers"]["Retry-After"] == seconds


def test_who_is_let_in_is_answered_200_without_a_body():
    assert endpoint(lambda request: accepted())(connect(), None) == {"statusCode": 200, "headers": {}}


def test_a_call_is_logged_without_address_token_and_subject(caplog: pytest.LogCaptureFixture):
    event = connect(speaker=ALICE)
    event["queryStringParameters"]["token"] = "a.b.c"

    with caplog.at_level(logging.INFO):
        endpoint(lambda request: accepted())(event, None)

    (record,) = caplog.records
    logged = json.dumps(vars(record), default=str)
    assert (record.route, record.status, record.apiRequestId) == ("$connect", 200, REQUEST_ID)
    assert not [secret for secret in (ADDRESS, ALICE, "a.b.c") if secret in logged]


# the authorizer


@pytest.mark.parametrize(
    ("query", "headers", "token"),
    [
        ({}, {}, None),
        ({"token": "a.b.c"}, {}, "a.b.c"),
        ({}, {"Authorization": "Bearer a.b.c"}, "a.b.c"),
        ({}, {"Authorization": "bearer a.b.c"}, "a.b.c"),
        ({}, {"Authorization": "BEARER  a.b.c "}, "a.b.c"),
        ({}, {"authorization": "a.b.c"}, "a.b.c"),
        ({"token": "a.b.c"}, {"Authorization": "Bearer x.y.z"}, "a.b.c"),
        ({"token": ""}, {}, ""),
        ({}, {"Authorization": ""}, ""),
        ({}, {"Authorization": "Bearer "}, ""),
        ({}, {"Authorization": "Basic YTpi"}, "Basic YTpi"),
    ],
)
def test_a_token_comes_in_the_query_or_the_header_and_an_empty_one_is_one(
    query: dict[str, str], headers: dict[str, str], token: str | None
):
    assert Handshake(authorize(query, headers)).token == token


def test_a_handshake_without_query_has_no_token_and_no_session():
    event = authorize()
    event["queryStringParameters"] = None

    handshake = Handshake(event)

    assert (handshake.token, handshake.session_id, handshake.caller) == (None, "", None)


@pytest.mark.parametrize("subject", [ALICE, None])
def test_who_may_ask_is_allowed_this_one_connection(subject: str | None):
    answer = authorizer(lambda handshake: subject)(authorize({"sessionId": "holy-psalm-100"}), None)

    assert answer["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": METHOD_ARN}],
    }
    assert answer["context"] == {"sessionId": "holy-psalm-100", "subject": subject or ""}
    # API Gateway logs the principal.
    assert ALICE not in answer["principalId"]


def test_what_the_authorizer_says_is_what_the_doors_hear():
    answer = authorizer(lambda handshake: ALICE)(authorize({"sessionId": "holy-psalm-100"}), None)
    event = connect()
    event["requestContext"]["authorizer"] = {"principalId": answer["principalId"], **answer["context"]}

    request = Request(event)

    assert (request.caller, request.session_id) == (ALICE, "holy-psalm-100")


def test_who_is_refused_is_401_by_the_one_word_that_api_gateway_knows(caplog: pytest.LogCaptureFixture):
    def refuse(_: Handshake) -> str | None:
        raise AuthenticationRequired

    with caplog.at_level(logging.INFO), pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        authorizer(refuse)(authorize({"token": "a.b.c"}), None)

    assert [(record.status, record.levelname) for record in caplog.records] == [(401, "INFO")]
    assert "a.b.c" not in json.dumps([vars(record) for record in caplog.records], default=str)


def test_a_fault_is_nobodys_refusal():
    def fail(_: Handshake) -> str | None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        authorizer(fail)(authorize(), None)
