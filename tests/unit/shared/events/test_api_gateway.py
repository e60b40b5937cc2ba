"""What the HTTP API and the WebSocket API have in common: trace context, responses and log lines."""

import base64
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from awslambdaric.bootstrap import LambdaLoggerFilter
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from shared.errors import ServiceUnavailable, SessionNotFound
from shared.events import http_api
from shared.events.api_gateway import Response, speaker_digest
from shared.events.http_api import Request, endpoint
from shared.sessions.requests import NewSession
from tests.support.http_events import CREATE, GET, LAMBDA_CONTEXT, REQUEST_ID, SPEAKER, UPDATE, event
from tests.support.sessions import ALICE, BOB, a_session

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("header", "valid"),
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
def test_a_traceparent_is_ignored_unless_it_is_well_formed(header: str, valid: bool):
    request = Request(event(GET, headers={"traceparent": header}))

    assert request.traceparent == (header if valid else None)


def test_a_response_with_a_body_is_compact_json():
    assert Response(201, {"a": [1, 2]}, {"ETag": '"1"'}).to_api_gateway() == {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "ETag": '"1"'},
        "body": '{"a":[1,2]}',
    }


def test_a_response_without_a_body_has_no_content_type():
    assert Response(204).to_api_gateway() == {"statusCode": 204, "headers": {}}


def test_a_speaker_digest_distinguishes_speakers_and_hides_the_subject():
    assert speaker_digest(ALICE) == speaker_digest(ALICE) != speaker_digest(BOB)
    assert ALICE not in speaker_digest(ALICE)
    assert len(speaker_digest(ALICE)) == 16


def test_a_speaker_digest_never_changes_between_releases():
    assert speaker_digest(ALICE) == "784378cba52197b8"


# the log line of a request


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that returns the log lines so far, as Lambda's runtime client formats them."""
    caplog.set_level(logging.INFO)

    def log_lines() -> list[dict[str, Any]]:
        for record in caplog.records:
            LambdaLoggerFilter().filter(record)
        return [json.loads(JsonFormatter().format(record)) for record in caplog.records]

    return log_lines


def call(handler: Callable[[Request], Response], request: dict[str, Any]) -> dict[str, Any]:
    return endpoint(handler)(request, LAMBDA_CONTEXT)


def raising(error: Exception) -> Callable[[Request], Response]:
    def handler(_: Request) -> Response:
        raise error

    return handler


def test_a_request_is_logged_in_one_line(log_lines: Callable[[], list[dict[str, Any]]]):
    request = event(
        UPDATE, body={"secret": "body"}, headers={"traceparent": TRACEPARENT, "Authorization": "Bearer x.y.z"}
    )

    call(lambda _: Response(200, {"a": 1}), request)

    (line,) = log_lines()
    assert line["level"] == "INFO"
    assert line["logger"] == "request"
    assert line["message"] == f"{UPDATE} 200"
    assert line["apiRequestId"] == REQUEST_ID
    assert line["route"] == UPDATE
    assert line["status"] == 200
    assert line["durationMs"] >= 0
    assert line["speaker"] == speaker_digest(SPEAKER)
    assert line["traceparent"] == TRACEPARENT
    assert "code" not in line


def test_the_duration_is_in_milliseconds_with_one_decimal(
    log_lines: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
):
    times = iter([10.0, 10.123456])
    monkeypatch.setattr("shared.events.api_gateway.time.perf_counter", lambda: next(times))

    call(lambda _: Response(200), event(GET))

    assert log_lines()[0]["durationMs"] == 123.5


def test_no_log_line_contains_token_body_idempotency_key_address_or_speaker(
    log_lines: Callable[[], list[dict[str, Any]]],
):
    request = event(
        UPDATE,
        session_id="holy-psalm-123",
        body={"secret": "body"},
        headers={"Authorization": "Bearer x.y.z", "Idempotency-Key": "my-key"},
    )

    call(lambda _: http_api.updated(a_session()), request)

    log = json.dumps(log_lines())
    for private in ("x.y.z", "secret", "my-key", SPEAKER, "203.0.113.7", "alice"):
        assert private not in log


def test_the_log_line_has_the_request_id_and_code_of_the_response(
    log_lines: Callable[[], list[dict[str, Any]]],
):
    response = call(raising(SessionNotFound()), event(GET))

    (line,) = log_lines()
    assert line["apiRequestId"] == json.loads(response["body"])["requestId"]
    assert (line["status"], line["code"]) == (404, "SESSION_NOT_FOUND")


@pytest.mark.parametrize("refusal", [SessionNotFound(), ServiceUnavailable()])
def test_a_refusal_is_logged_at_level_info_without_a_stack_trace(
    log_lines: Callable[[], list[dict[str, Any]]], refusal: Exception
):
    call(raising(refusal), event(GET))

    (line,) = log_lines()
    assert (line["level"], "stackTrace" in line) == ("INFO", False)


def test_a_bug_is_logged_at_level_error_with_its_stack_trace(
    log_lines: Callable[[], list[dict[str, Any]]],
):
    call(raising(RuntimeError("why")), event(GET))

    (line,) = log_lines()
    assert (line["level"], line["errorType"], line["errorMessage"]) == ("ERROR", "RuntimeError", "why")
    assert "in handler" in "".join(line["stackTrace"])


def test_the_log_line_of_an_anonymous_request_has_neither_speaker_nor_traceparent(
    log_lines: Callable[[], list[dict[str, Any]]],
):
    call(lambda _: Response(200), event(GET))

    (line,) = log_lines()
    assert "speaker" not in line
    assert "traceparent" not in line


def test_a_rejected_body_is_not_logged(log_lines: Callable[[], list[dict[str, Any]]]):
    call(
        lambda request: Response(200, request.json(NewSession).model_dump()),
        event(CREATE, body=b'{"sourceLanguage": "hunter2"}'),
    )

    log = json.dumps(log_lines())
    assert "hunter2" not in log
    assert base64.b64encode(b"hunter2").decode()[:6] not in log
