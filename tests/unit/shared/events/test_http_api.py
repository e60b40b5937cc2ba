"""The HTTP edge: events become requests, results and errors become responses, one line is logged."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from awslambdaric.bootstrap import LambdaLoggerFilter
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    AuthenticationRequired,
    FieldError,
    InvalidRequest,
    NotOwner,
    Refusal,
    ServiceUnavailable,
    SessionNotFound,
)
from shared.events import api_gateway, http_api, websocket_api
from shared.events.http_api import ERRORS, Request, Response, endpoint
from shared.sessions.requests import NewSession
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, REQUEST_ID, SPEAKER, UPDATE, event
from tests.support.sessions import NOW, a_session

NOT_JSON = [("body", "Request body must be JSON in UTF-8")]
NOT_AN_OBJECT = [("body", "Request body must be a JSON object")]
TOO_LONG = [("body", "Request body must be at most 4096 bytes")]


class AnyObject(dict[str, Any]):
    """A request model that takes any JSON object."""

    @classmethod
    def parse(cls, body: dict[str, Any]) -> "AnyObject":
        return cls(body)


def body_of(sent: object) -> dict[str, Any]:
    return Request(event(CREATE, body=sent)).json(AnyObject)


def offences(sent: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        body_of(sent)
    return [tuple(offence) for offence in refused.value.fields]


# bodies


@pytest.mark.parametrize("absent", [None, "", b""])
def test_no_body_is_an_empty_object(absent: object):
    assert body_of(absent) == {}


@pytest.mark.parametrize("sent", ['{"a": "é"}', '{"a": "é"}'.encode(), '{"a": "\\u00e9"}', ' {"a":"é"}\n'])
def test_a_body_may_be_text_or_base64(sent: object):
    assert body_of(sent) == {"a": "é"}


@pytest.mark.parametrize(
    "sent",
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
    ids=lambda sent: ascii(sent)[:24],
)
def test_what_is_not_json_in_utf8_is_refused(sent: object):
    assert offences(sent) == NOT_JSON


@pytest.mark.parametrize("sent", ["[]", '[{"sourceLanguage": "en"}]', "1", '"en"', "null", "true", "1e999"])
def test_json_that_is_no_object_is_refused(sent: str):
    assert offences(sent) == NOT_AN_OBJECT


@pytest.mark.parametrize("sent", ["not base64!", "e30", "{}", "é", "e30=\n"])
def test_base64_that_is_none_is_refused(sent: str):
    made = event(CREATE) | {"body": sent, "isBase64Encoded": True}

    with pytest.raises(InvalidRequest, match="Request body must be JSON in UTF-8"):
        Request(made).json(AnyObject)


@pytest.mark.parametrize("fill", ["x", "é", "\\n"])
def test_a_body_is_at_most_4096_bytes(fill: str):
    longest = f'{{"a":"{fill * ((4096 - 8) // len(fill.encode()))}"}}'
    assert len(longest.encode()) == 4096

    assert body_of(longest) == body_of(longest.encode())
    assert offences(f"{longest} ") == offences(f"{longest} ".encode()) == TOO_LONG


@pytest.mark.parametrize("sent", ["x" * 5000, "[" * 1_000_000, b"\xff" * 5000])
def test_a_long_body_is_refused_before_it_is_parsed(sent: object):
    assert offences(sent) == TOO_LONG


def test_every_duplicate_is_named_once():
    sent = '{"a": 1, "b": 1, "c": 1, "a": 2, "b": 1, "a": 1}'

    assert offences(sent) == [("a", "a is given more than once"), ("b", "b is given more than once")]


def test_a_name_that_is_escaped_another_way_is_a_duplicate_too():
    assert offences('{"a": 1, "\\u0061": 1}') == [("a", "a is given more than once")]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_object_or_refused(sent: bytes):
    try:
        assert isinstance(body_of(sent), dict)
    except InvalidRequest as refused:
        refusal = http_api.error_response(refused, Request(event(CREATE))).to_api_gateway()
    else:
        return
    assert refusal["statusCode"] == 400


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
def test_if_match_accepts_our_strong_tags_alone(header: str | None, versions: set[int] | None):
    headers = {} if header is None else {"If-Match": header}

    assert Request(event(UPDATE, headers=headers)).if_match == versions


@pytest.mark.parametrize(("count", "accepted"), [(100, True), (101, False)])
def test_if_match_lists_at_most_a_hundred_tags(count: int, accepted: bool):
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
def test_an_idempotency_key_is_any_visible_ascii(key: str):
    assert Request(event(CREATE, headers={"Idempotency-Key": key})).idempotency_key == key


@pytest.mark.parametrize(
    "key", ["", " ", "a b", "x" * 256, "é", "k\n", "k\0", "\x7f"], ids=lambda k: ascii(k)[:9]
)
def test_other_idempotency_keys_are_refused_by_name(key: str):
    with pytest.raises(InvalidRequest) as refused:
        _ = Request(event(CREATE, headers={"Idempotency-Key": key})).idempotency_key

    assert [offence.field for offence in refused.value.fields] == ["Idempotency-Key"]


def test_an_idempotency_key_may_be_left_out():
    assert Request(event(CREATE)).idempotency_key is None


TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (TRACEPARENT, True),
        (TRACEPARENT.upper(), False),
        (TRACEPARENT + "\n", False),
        (TRACEPARENT + '","level":"x', False),
        (TRACEPARENT[:-1], False),
        ("ff" + TRACEPARENT[2:], False),
        ("00-" + "0" * 32 + TRACEPARENT[35:], False),
        (TRACEPARENT[:36] + "0" * 16 + "-01", False),
        ("", False),
    ],
)
def test_a_traceparent_counts_only_when_it_is_well_formed(header: str, kept: bool):
    assert Request(event(GET, headers={"traceparent": header})).traceparent == (header if kept else None)


# who calls


def test_the_speaker_is_the_sub_claim():
    assert Request(event(CREATE)).subject == SPEAKER


@pytest.mark.parametrize(
    "authorizer",
    [None, {}, {"jwt": None}, {"jwt": {}}, {"jwt": {"claims": {}}}, {"jwt": {"claims": {"sub": ""}}}],
)
def test_nobody_is_signed_in_without_a_sub_claim(authorizer: object):
    made = event(CREATE)
    made["requestContext"]["authorizer"] = authorizer

    with pytest.raises(AuthenticationRequired):
        _ = Request(made).subject


# errors


def every_subclass(kind: type[Exception]) -> Iterator[type[Exception]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from every_subclass(subclass)


def body(response: dict[str, Any]) -> dict[str, Any]:
    return json.loads(response["body"])


def answer_to(error: Exception) -> dict[str, Any]:
    def door(request: Request) -> Response:
        raise error

    return endpoint(door)(event(GET), LAMBDA_CONTEXT)


@pytest.mark.parametrize("kind", [kind for kind in every_subclass(Refusal) if "shared" in kind.__module__])
def test_every_refusal_has_its_own_status_and_code(kind: type[Refusal]):
    assert kind in ERRORS or kind in websocket_api.ERRORS


def test_the_error_table_in_full():
    assert {kind.__name__: response for kind, response in ERRORS.items()} == {
        "InvalidRequest": (400, "INVALID_REQUEST"),
        "AuthenticationRequired": (401, "AUTHENTICATION_REQUIRED"),
        "NotOwner": (403, "NOT_AUTHORIZED"),
        "SessionNotFound": (404, "SESSION_NOT_FOUND"),
        "SessionEnded": (409, "SESSION_ENDED"),
        "VersionMismatch": (412, "VERSION_MISMATCH"),
        "IdempotencyKeyReused": (422, "IDEMPOTENCY_KEY_REUSED"),
        "RateLimited": (429, "RATE_LIMITED"),
        "ServiceUnavailable": (503, "SERVICE_UNAVAILABLE"),
        "Exception": (500, "INTERNAL_ERROR"),
    }


def test_an_error_in_full(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_gateway, "now_ms", lambda: NOW)

    response = answer_to(NotOwner("update"))

    assert response == {
        "statusCode": 403,
        "headers": {"Content-Type": "application/json"},
        "body": response["body"],
    }
    assert body(response) == {
        "error": "Not authorized to update this session",
        "code": "NOT_AUTHORIZED",
        "timestamp": NOW,
        "requestId": REQUEST_ID,
    }


def test_a_bad_request_says_each_field():
    response = answer_to(InvalidRequest(FieldError("a", "a is required"), FieldError("b", "b is odd")))

    assert response["statusCode"] == 400
    assert body(response)["error"] == "a is required"
    assert body(response)["details"] == [
        {"field": "a", "message": "a is required"},
        {"field": "b", "message": "b is odd"},
    ]


def test_a_kind_of_a_known_error_is_answered_as_that_with_its_headers():
    class StoreBusy(ServiceUnavailable):
        """A more exact reason."""

    response = answer_to(StoreBusy())

    assert (response["statusCode"], body(response)["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert response["headers"]["Retry-After"] == "1"


def test_nobody_signed_in_is_challenged():
    response = answer_to(AuthenticationRequired())

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
def test_a_bug_leaks_nothing(bug: Exception):
    response = answer_to(bug)

    assert response["statusCode"] == 500
    assert body(response).keys() == {"error", "code", "timestamp", "requestId"}
    assert (body(response)["error"], body(response)["code"]) == ("Internal server error", "INTERNAL_ERROR")


def test_a_response_without_a_body_has_no_content_type():
    assert http_api.deleted().to_api_gateway() == {"statusCode": 204, "headers": {}}


def test_a_session_that_the_client_has_already_is_304_without_a_body():
    request = Request(event(GET, headers={"If-None-Match": f'"{NOW}"'}))

    response = http_api.found(a_session(), request).to_api_gateway()

    assert response == {"statusCode": 304, "headers": {"ETag": f'"{NOW}"', "Cache-Control": "max-age=1"}}


# the log line


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return the lines of the log as Lambda's own runtime client writes them."""
    caplog.set_level(logging.INFO)

    def lines() -> list[dict[str, Any]]:
        for record in caplog.records:
            LambdaLoggerFilter().filter(record)
        return [json.loads(JsonFormatter().format(record)) for record in caplog.records]

    return lines


def test_one_line_tells_of_a_request(logged: Callable[[], list[dict[str, Any]]]):
    sent = event(
        UPDATE, body={"secret": "body"}, headers={"traceparent": TRACEPARENT, "Authorization": "Bearer x.y.z"}
    )

    endpoint(lambda request: Response(200, {"a": 1}))(sent, LAMBDA_CONTEXT)

    (line,) = logged()
    assert line["level"] == "INFO"
    assert line["apiRequestId"] == REQUEST_ID
    assert line["route"] == UPDATE
    assert line["status"] == 200
    assert 0 <= line["durationMs"] < 1000
    assert line["speaker"] == api_gateway.speaker_digest(SPEAKER)
    assert line["traceparent"] == TRACEPARENT
    assert "code" not in line


def test_neither_token_nor_body_nor_address_nor_speaker_nor_session_is_logged(
    logged: Callable[[], list[dict[str, Any]]],
):
    sent = event(
        UPDATE,
        session_id="holy-psalm-123",
        body={"secret": "body"},
        headers={"Authorization": "Bearer x.y.z", "Idempotency-Key": "my-key"},
    )

    endpoint(lambda request: http_api.updated(a_session()))(sent, LAMBDA_CONTEXT)

    written = json.dumps(logged())
    for private in ("x.y.z", "secret", "my-key", SPEAKER, "203.0.113.7", "alice"):
        assert private not in written


def test_the_client_and_the_log_name_a_request_the_same(logged: Callable[[], list[dict[str, Any]]]):
    response = answer_to(SessionNotFound())

    (line,) = logged()
    assert line["apiRequestId"] == body(response)["requestId"]
    assert (line["status"], line["code"]) == (404, "SESSION_NOT_FOUND")
    assert (line["level"], "stackTrace" in line) == ("INFO", False)


def test_a_bug_is_logged_with_its_stack(logged: Callable[[], list[dict[str, Any]]]):
    answer_to(RuntimeError("why"))

    (line,) = logged()
    assert (line["level"], line["errorType"], line["errorMessage"]) == ("ERROR", "RuntimeError", "why")
    assert "in door" in "".join(line["stackTrace"])


def test_a_request_of_nobody_logs_no_speaker(logged: Callable[[], list[dict[str, Any]]]):
    endpoint(lambda request: Response(200))(event(GET), LAMBDA_CONTEXT)

    (line,) = logged()
    assert "speaker" not in line
    assert "traceparent" not in line


def test_a_body_that_is_refused_is_not_in_the_log(logged: Callable[[], list[dict[str, Any]]]):
    endpoint(lambda request: Response(200, request.json(NewSession).model_dump()))(
        event(CREATE, body=b'{"sourceLanguage": "hunter2"}'), LAMBDA_CONTEXT
    )

    assert "hunter2" not in json.dumps(logged())
    assert base64.b64encode(b"hunter2").decode()[:6] not in json.dumps(logged())


def test_the_order_of_refusals_is_401_then_400_for_every_signed_in_route():
    for route in (CREATE, UPDATE, DELETE):
        sent = event(
            route, body="[", speaker=None, headers={"If-Match": ",".join(f'"{n}"' for n in range(1, 102))}
        )
        response = endpoint(lambda request: Response(200, {"a": request.subject}))(sent, LAMBDA_CONTEXT)
        assert response["statusCode"] == 401
