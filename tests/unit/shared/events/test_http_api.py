"""The HTTP API: events become requests, results and exceptions become responses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    AuthenticationRequired,
    FieldError,
    InvalidRequest,
    NotOwner,
    Refusal,
    ServiceUnavailable,
)
from shared.events import api_gateway, http_api, websocket_api
from shared.events.http_api import ERRORS, Request, Response, endpoint
from shared.sessions.list import ListQuery
from shared.sessions.session import Status
from shared.sessions.views import owner_view, public_view
from tests.support.http_events import (
    CREATE,
    DELETE,
    GET,
    LAMBDA_CONTEXT,
    LIST,
    REQUEST_ID,
    SPEAKER,
    UPDATE,
    event,
)
from tests.support.sessions import NOW, a_session

NOT_JSON = [("body", "Request body must be JSON in UTF-8")]
NOT_AN_OBJECT = [("body", "Request body must be a JSON object")]
TOO_LONG = [("body", "Request body must be at most 4096 bytes")]


class AnyObject(dict[str, Any]):
    """A request model that accepts every JSON object."""

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "AnyObject":
        return cls(body)


def parse(body: object) -> dict[str, Any]:
    return Request(event(CREATE, body=body)).json(AnyObject)


def field_errors(body: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as error:
        parse(body)
    return [tuple(field_error) for field_error in error.value.fields]


# bodies


@pytest.mark.parametrize("body", [None, "", b""])
def test_no_body_is_an_empty_object(body: object):
    assert parse(body) == {}


@pytest.mark.parametrize("body", ['{"a": "é"}', '{"a": "é"}'.encode(), '{"a": "\\u00e9"}', ' {"a":"é"}\n'])
def test_a_body_may_be_text_or_base64(body: object):
    assert parse(body) == {"a": "é"}


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "not json",
        " ",
        "{'a': 1}",
        '{"a": 1,}',
        '{"a": 1} {}',
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '\ufeff{"a": 1}',
        b"\xff\xfe",
        b'{"a": "\xc3"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": "\ud800"}',
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        "[" * 4096,
        '{"a":' * 800,
        '{"a": ' + "9" * 4000,
    ],
    ids=lambda body: ascii(body)[:24],
)
def test_a_body_that_is_not_json_in_utf8_is_rejected(body: object):
    assert field_errors(body) == NOT_JSON


@pytest.mark.parametrize("body", ["[]", '[{"sourceLanguage": "en"}]', "1", '"en"', "null", "true", "1e999"])
def test_json_that_is_not_an_object_is_rejected(body: str):
    assert field_errors(body) == NOT_AN_OBJECT


@pytest.mark.parametrize("body", ["not base64!", "e30", "{}", "é", "e30=\n"])
def test_invalid_base64_is_rejected(body: str):
    request = event(CREATE) | {"body": body, "isBase64Encoded": True}

    with pytest.raises(InvalidRequest, match="Request body must be JSON in UTF-8"):
        Request(request).json(AnyObject)


@pytest.mark.parametrize("fill", ["x", "é", "\\n"])
def test_a_body_has_at_most_4096_bytes(fill: str):
    longest = f'{{"a":"{fill * ((4096 - 8) // len(fill.encode()))}"}}'
    assert len(longest.encode()) == 4096

    assert parse(longest) == parse(longest.encode())
    assert field_errors(f"{longest} ") == field_errors(f"{longest} ".encode()) == TOO_LONG


@pytest.mark.parametrize("body", ["x" * 5000, "[" * 1_000_000, b"\xff" * 5000])
def test_a_body_that_is_too_long_is_rejected_before_it_is_parsed(body: object):
    assert field_errors(body) == TOO_LONG


def test_every_duplicate_field_is_reported_once():
    body = '{"a": 1, "b": 1, "c": 1, "a": 2, "b": 1, "a": 1}'

    assert field_errors(body) == [("a", "a is given more than once"), ("b", "b is given more than once")]


def test_a_field_with_an_escaped_name_is_a_duplicate():
    assert field_errors('{"a": 1, "\\u0061": 1}') == [("a", "a is given more than once")]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_object_or_an_invalid_request(body: bytes):
    try:
        assert isinstance(parse(body), dict)
    except InvalidRequest as error:
        response = http_api.error_response(error, Request(event(CREATE))).to_api_gateway()
    else:
        return
    assert response["statusCode"] == 400


# query parameters


def test_query_parameters_are_parsed_by_their_model():
    request = Request(event(LIST, query={"status": "paused", "limit": "7"}))

    assert request.query(ListQuery) == ListQuery(Status.PAUSED, 7, None)


def test_a_request_without_query_parameters_has_the_defaults_of_the_model():
    request = Request(event(LIST) | {"queryStringParameters": None})

    assert request.query(ListQuery) == ListQuery(None, 20, None)


# headers


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, None),
        ("*", None),
        (" * ", None),
        ('"5"', {5}),
        (' "5" ', {5}),
        ('"5", "6","7"', {5, 6, 7}),
        ('"5", W/"6"', {5}),
        ('W/"5"', set()),
        ("5", set()),
        ("", set()),
        ('""', set()),
        ('"abc"', set()),
        ('"5a"', set()),
        ('"-5"', set()),
        ('"5.0"', set()),
        ('"05"', set()),
        ('"0"', set()),
        ('" 5"', set()),
        ('"\u0665"', set()),
        ('"' + "9" * 15 + '"', {999_999_999_999_999}),
        ('"' + "9" * 16 + '"', set()),
        ('"' + "9" * 9000 + '"', set()),
        ('"*"', set()),
        ("garbage", set()),
        ('"5', set()),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_if_match_accepts_strong_etags_of_versions_only(header: str | None, versions: set[int] | None):
    headers = {} if header is None else {"If-Match": header}

    assert Request(event(UPDATE, headers=headers)).if_match == versions


@pytest.mark.parametrize(("count", "accepted"), [(100, True), (101, False)])
def test_if_match_lists_at_most_a_hundred_etags(count: int, accepted: bool):
    request = Request(event(UPDATE, headers={"If-Match": ",".join(f'"{n}"' for n in range(1, count + 1))}))

    if accepted:
        assert request.if_match == set(range(1, 101))
    else:
        with pytest.raises(InvalidRequest, match="If-Match must list at most 100 ETags"):
            _ = request.if_match


@pytest.mark.parametrize(
    ("header", "current"),
    [
        (None, False),
        ("", False),
        (f'"{NOW}"', True),
        (f'W/"{NOW}"', True),
        (f'"1", "{NOW}"', True),
        (f'"1",W/"{NOW}" , "2"', True),
        ("*", True),
        (" * ", True),
        (f'"{NOW + 1}"', False),
        (f'"0{NOW}"', False),
        (str(NOW), False),
        ("garbage", False),
        ('"*"', False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, current: bool):
    request = Request(event(GET, headers={} if header is None else {"If-None-Match": header}))

    assert request.is_current(a_session()) is current


@pytest.mark.parametrize("key", ["k", "x" * 255, "!~", "8e03978e-40d5-43dd-bc93-6894a57f9324"])
def test_an_idempotency_key_is_1_to_255_visible_ascii_characters(key: str):
    assert Request(event(CREATE, headers={"Idempotency-Key": key})).idempotency_key == key


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "x" * 256, "é", "k\n", "k\0", "\x7f"], ids=lambda key: ascii(key)[:9]
)
def test_other_idempotency_keys_are_rejected(key: str):
    with pytest.raises(InvalidRequest) as error:
        _ = Request(event(CREATE, headers={"Idempotency-Key": key})).idempotency_key

    assert error.value.fields == (
        FieldError("Idempotency-Key", "Idempotency-Key must be 1 to 255 visible ASCII characters"),
    )


def test_an_idempotency_key_is_optional():
    assert Request(event(CREATE)).idempotency_key is None


# the caller


def test_the_subject_is_the_sub_claim():
    assert Request(event(CREATE)).subject == SPEAKER


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"jwt": None}, {"jwt": {}}, {"jwt": {"claims": {}}}, {"jwt": {"claims": {"sub": ""}}}],
)
def test_a_request_without_a_sub_claim_is_anonymous(authorizer: object):
    request = event(CREATE)
    request["requestContext"]["authorizer"] = authorizer

    with pytest.raises(AuthenticationRequired):
        _ = Request(request).subject


# error responses


def subclasses(base: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def body_of(response: dict[str, Any]) -> dict[str, Any]:
    return json.loads(response["body"])


def response_to(error: Exception) -> dict[str, Any]:
    """Return the response of an endpoint whose handler raises the error."""

    def handler(request: Request) -> Response:
        raise error

    return endpoint(handler)(event(GET), LAMBDA_CONTEXT)


@pytest.mark.parametrize("refusal", [error for error in subclasses(Refusal) if "shared" in error.__module__])
def test_every_refusal_is_in_an_error_table(refusal: type[Refusal]):
    tables = (ERRORS, websocket_api.ERRORS, websocket_api.MESSAGE_ERRORS)
    # A WriteConflict is answered as the ServiceUnavailable that it is.
    classes = [base for base in refusal.__mro__ if base not in Refusal.__mro__]

    assert any(base in table for base in classes for table in tables)


def test_every_exception_has_its_status_and_error_code():
    assert {error.__name__: response for error, response in ERRORS.items()} == {
        "InvalidRequest": (400, "INVALID_REQUEST"),
        "AuthenticationRequired": (401, "AUTHENTICATION_REQUIRED"),
        "NotOwner": (403, "NOT_AUTHORIZED"),
        "SessionNotFound": (404, "SESSION_NOT_FOUND"),
        "NotAcceptable": (406, "NOT_ACCEPTABLE"),
        "SessionEnded": (409, "SESSION_ENDED"),
        "VersionMismatch": (412, "VERSION_MISMATCH"),
        "IdempotencyKeyReused": (422, "IDEMPOTENCY_KEY_REUSED"),
        "RateLimited": (429, "RATE_LIMITED"),
        "ServiceUnavailable": (503, "SERVICE_UNAVAILABLE"),
        "Exception": (500, "INTERNAL_ERROR"),
    }


def test_an_error_response_in_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_gateway, "now_ms", lambda: NOW)

    response = response_to(NotOwner("update"))

    assert response == {
        "statusCode": 403,
        "headers": {"Content-Type": "application/json"},
        "body": response["body"],
    }
    assert body_of(response) == {
        "error": "Not authorized to update this session",
        "message": "Not authorized to update this session",
        "code": "NOT_AUTHORIZED",
        "timestamp": NOW,
        "requestId": REQUEST_ID,
    }


def test_an_invalid_request_lists_every_invalid_field():
    response = response_to(InvalidRequest(FieldError("a", "a is required"), FieldError("b", "b is odd")))

    assert response["statusCode"] == 400
    assert body_of(response)["error"] == "a is required"
    assert body_of(response)["details"] == [
        {"field": "a", "message": "a is required"},
        {"field": "b", "message": "b is odd"},
    ]


def test_a_subclass_of_an_exception_has_the_response_of_its_base():
    class TableBusy(ServiceUnavailable):
        """A more specific reason."""

    response = response_to(TableBusy())

    assert (response["statusCode"], body_of(response)["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert response["headers"]["Retry-After"] == "1"


def test_a_401_response_has_a_challenge():
    response = response_to(AuthenticationRequired())

    assert response["headers"]["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "bug",
    [
        RuntimeError("table sessions-prod in 123456789012"),
        KeyError("Attributes"),
        SystemError(),
        OSError(2, "x"),
    ],
)
def test_the_response_to_a_bug_reveals_nothing(bug: Exception):
    response = response_to(bug)

    assert response["statusCode"] == 500
    assert body_of(response).keys() == {"error", "message", "code", "timestamp", "requestId"}
    assert body_of(response)["error"] == "Internal server error"
    assert body_of(response)["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("route", [CREATE, UPDATE, DELETE])
def test_an_anonymous_caller_is_rejected_before_an_invalid_request_is(route: str):
    request = event(
        route, body="[", speaker=None, headers={"If-Match": ",".join(f'"{n}"' for n in range(1, 102))}
    )

    response = endpoint(lambda request: Response(200, {"subject": request.subject}))(request, LAMBDA_CONTEXT)

    assert response["statusCode"] == 401


# success responses


def test_created_is_201_with_the_owner_view_the_location_and_the_etag():
    session = a_session()

    assert http_api.created(session) == Response(
        201, owner_view(session), {"Location": "/sessions/blessed-shepherd-427", "ETag": f'"{NOW}"'}
    )


def test_listed_is_200_with_the_owner_views_and_the_next_cursor():
    sessions = [a_session(), a_session(id="holy-psalm-100")]

    assert http_api.listed(sessions, "cursor") == Response(
        200, {"sessions": [owner_view(session) for session in sessions], "nextCursor": "cursor"}
    )


def test_listed_has_no_next_cursor_on_the_last_page():
    assert http_api.listed([], None) == Response(200, {"sessions": []})


def test_updated_is_200_with_the_owner_view_and_the_etag():
    session = a_session()

    assert http_api.updated(session) == Response(200, owner_view(session), {"ETag": f'"{NOW}"'})


def test_found_is_200_with_the_public_view_the_etag_and_the_cache_lifetime():
    session = a_session()

    assert http_api.found(session, Request(event(GET))) == Response(
        200, public_view(session), {"ETag": f'"{NOW}"', "Cache-Control": "max-age=1"}
    )


def test_found_is_304_without_a_body_if_the_client_has_the_current_version():
    request = Request(event(GET, headers={"If-None-Match": f'"{NOW}"'}))

    response = http_api.found(a_session(), request).to_api_gateway()

    assert response == {"statusCode": 304, "headers": {"ETag": f'"{NOW}"', "Cache-Control": "max-age=1"}}


def test_deleted_is_204_without_a_body():
    assert http_api.deleted().to_api_gateway() == {"statusCode": 204, "headers": {}}


@pytest.mark.parametrize(("healthy", "status", "text"), [(True, 200, "healthy"), (False, 503, "unhealthy")])
def test_health_is_200_or_503_and_never_cached(
    monkeypatch: pytest.MonkeyPatch, healthy: bool, status: int, text: str
):
    monkeypatch.setattr(http_api, "now_ms", lambda: NOW)

    response = http_api.health(healthy=healthy, environment="dev", version="1.2.3", response_time_ms=4.5)

    assert response == Response(
        status,
        {
            "status": text,
            "service": "session-management-http-api",
            "environment": "dev",
            "version": "1.2.3",
            "timestamp": NOW,
            "responseTimeMs": 4.5,
        },
        {"Cache-Control": "no-store"},
    )
