"""The WebSocket API: events become requests, exceptions become statuses."""

import json
import logging
from typing import Any

import pytest

from shared.errors import (
    FieldError,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
)
from shared.events.websocket_api import Request, Response, accepted, endpoint
from shared.sessions.session import Language
from tests.support.sessions import ALICE
from tests.support.websocket_events import ADDRESS, CONNECTION_ID, REQUEST_ID, connect, disconnect

# requests


def test_a_connect_request_has_the_properties_of_the_handshake():
    request = Request(connect("holy-psalm-100", language="es", speaker=ALICE))

    assert request.session_id == "holy-psalm-100"
    assert request.connection_id == CONNECTION_ID
    assert request.caller == ALICE
    assert request.target_language is Language.SPANISH
    assert request.source_address == ADDRESS
    assert request.route == "$connect"


def test_a_disconnect_request_has_the_session_and_the_connection():
    request = Request(disconnect("holy-psalm-100", connection_id="x="))

    assert (request.session_id, request.connection_id, request.caller) == ("holy-psalm-100", "x=", None)


def test_the_session_id_comes_from_the_authorizer_and_not_from_the_query():
    event = connect("holy-psalm-100")
    event["queryStringParameters"] = {"sessionId": "blessed-shepherd-427"}

    assert Request(event).session_id == "holy-psalm-100"


@pytest.mark.parametrize(
    "event", [connect(None), {"requestContext": {}}, {"requestContext": {"authorizer": None}}]
)
def test_a_request_without_a_session_id_is_invalid(event: dict[str, Any]):
    with pytest.raises(InvalidRequest) as error:
        _ = Request(event).session_id

    assert error.value.fields == (FieldError("sessionId", "sessionId is required"),)


@pytest.mark.parametrize("language", ["", "EN", " es", "xx", "es,de", "español"])
def test_an_unsupported_target_language_is_rejected_with_the_supported_ones(language: str):
    with pytest.raises(InvalidRequest) as error:
        _ = Request(connect(language=language)).target_language

    assert error.value.fields[0].field == "targetLanguage"
    assert str(error.value).startswith("Invalid targetLanguage. Supported: en, es, fr,")


def test_a_request_without_a_target_language_has_none():
    assert Request(connect()).target_language is None


# responses


def endpoint_raising(error: Exception) -> Any:
    def handler(_: Request) -> Response:
        raise error

    return endpoint(handler)


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
def test_every_exception_has_its_status_and_error_code(error: Exception, status: int, code: str):
    response = endpoint_raising(error)(connect(), None)

    assert response["statusCode"] == status
    body = json.loads(response["body"])
    assert (body["code"], body["requestId"]) == (code, REQUEST_ID)
    assert "arn:" not in response["body"]


@pytest.mark.parametrize(("error", "seconds"), [(RateLimited(7), "7"), (ServiceUnavailable(), "1")])
def test_the_response_to_a_temporary_refusal_has_retry_after(error: Exception, seconds: str):
    assert endpoint_raising(error)(connect(), None)["headers"]["Retry-After"] == seconds


def test_an_accepted_connection_is_200_without_a_body():
    assert endpoint(lambda request: accepted())(connect(), None) == {"statusCode": 200, "headers": {}}


def test_the_log_line_contains_neither_address_nor_token_nor_subject(caplog: pytest.LogCaptureFixture):
    event = connect(speaker=ALICE)
    event["queryStringParameters"]["token"] = "a.b.c"

    with caplog.at_level(logging.INFO):
        endpoint(lambda request: accepted())(event, None)

    (record,) = caplog.records
    assert (record.route, record.status, record.apiRequestId) == ("$connect", 200, REQUEST_ID)
    assert not [secret for secret in (ADDRESS, ALICE, "a.b.c") if secret in str(vars(record))]
