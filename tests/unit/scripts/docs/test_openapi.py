"""The OpenAPI document agrees with the functions."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from jsonschema import Draft202012Validator
from moto import mock_aws
from openapi_spec_validator import OpenAPIV31SpecValidator

from scripts.docs.openapi.document import document
from shared.audience.connection import SessionRef
from shared.aws.captions_table import CaptionsTable
from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SessionsTable
from shared.events import http_api
from shared.sessions.session import LIFETIME_S, Status
from tests.support import handlers, http_events, sessions, tables
from tests.support.captions import a_caption
from tests.support.http_events import CREATE, DELETE, GET, HEALTH, LIST, LIST_CAPTIONS, UPDATE
from tests.support.tables import CAPTIONS_TABLE, SESSIONS_TABLE

DOCUMENT = document()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
SESSION = "blessed-shepherd-427"
ENDED = "holy-temple-100"
UNKNOWN = "pure-hope-999"


def test_the_document_is_valid_openapi():
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_documented_error_codes_are_those_of_the_service():
    documented = {name for operation in OPERATIONS.values() for name in examples(operation) if name.isupper()}

    assert documented == {code for _, code in http_api.ERRORS.values()}


def examples(operation: dict[str, Any]) -> Iterator[str]:
    for response in operation["responses"].values():
        if "content" in response:
            yield from response["content"]["application/json"]["examples"]


def test_every_example_matches_its_schema():
    bodies = [operation["requestBody"] for operation in OPERATIONS.values() if "requestBody" in operation]
    answers = [answer for operation in OPERATIONS.values() for answer in operation["responses"].values()]
    media = [media for one in bodies + answers for media in one.get("content", {}).values()]
    headers = [header for answer in answers for header in answer.get("headers", {}).values()]

    for one in media:
        for example in one["examples"].values():
            validate(example["value"], one["schema"])
    for one in [*headers, *DOCUMENT["components"]["parameters"].values()]:
        validate(one["example"], one["schema"])


def validate(value: object, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


@pytest.mark.parametrize("schema", ["NewSession", "SessionChange"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        None,
        {"sourceLanguage": "en"},
        {"sourceLanguage": "EN"},
        {"sourceLanguage": None},
        {"sourceLanguage": "en", "qualityTier": "premium"},
        {"sourceLanguage": "en", "qualityTier": None},
        {"sourceLanguage": "en", "name": "x"},
        {"status": "ended"},
        {"status": "over"},
        {"qualityTier": ["premium"]},
    ],
)
def test_a_body_matches_the_schema_if_and_only_if_the_service_accepts_it(schema, body, service):
    route, good = {"NewSession": (CREATE, 201), "SessionChange": (UPDATE, 200)}[schema]
    reference = {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}

    matches = Draft202012Validator(reference).is_valid(body)

    answer = service(route, body=json.dumps(body))
    assert answer["statusCode"] == (good if matches else 400)


TOO_MANY_ETAGS = ", ".join(f'"{version}"' for version in range(1, http_api.MAX_ETAGS + 2))
TIMEOUT = ConnectTimeoutError(endpoint_url="https://dynamodb.invalid")
BUG = RuntimeError("bug")
BUSY = "a speaker who has created a hundred sessions within the hour"

# Every response of the functions, and a request that gets it: route, status, code, request.
CASES: list[tuple[str, int, str | None, dict[str, Any]]] = [
    (CREATE, 201, None, {"body": {"sourceLanguage": "en"}}),
    (CREATE, 400, "INVALID_REQUEST", {"body": {"qualityTier": "gold", "name": "x"}}),
    (CREATE, 401, "AUTHENTICATION_REQUIRED", {"body": {"sourceLanguage": "en"}, "speaker": None}),
    (
        CREATE,
        422,
        "IDEMPOTENCY_KEY_REUSED",
        {"body": {"sourceLanguage": "es"}, "headers": {"Idempotency-Key": "k"}},
    ),
    (CREATE, 429, "RATE_LIMITED", {"body": {"sourceLanguage": "en"}, "speaker": BUSY}),
    (CREATE, 503, "SERVICE_UNAVAILABLE", {"body": {"sourceLanguage": "en"}, "fault": TIMEOUT}),
    (CREATE, 500, "INTERNAL_ERROR", {"body": {"sourceLanguage": "en"}, "fault": BUG}),
    (LIST, 200, None, {}),
    (LIST, 400, "INVALID_REQUEST", {"query": {"status": "over", "limit": "0"}}),
    (LIST, 401, "AUTHENTICATION_REQUIRED", {"speaker": None}),
    (LIST, 503, "SERVICE_UNAVAILABLE", {"fault": TIMEOUT}),
    (LIST, 500, "INTERNAL_ERROR", {"fault": BUG}),
    (GET, 200, None, {}),
    (GET, 304, None, {"headers": {"If-None-Match": "*"}}),
    (GET, 404, "SESSION_NOT_FOUND", {"session_id": UNKNOWN}),
    (GET, 503, "SERVICE_UNAVAILABLE", {"fault": TIMEOUT}),
    (GET, 500, "INTERNAL_ERROR", {"fault": BUG}),
    (UPDATE, 200, None, {"body": {"status": "paused"}}),
    (UPDATE, 400, "INVALID_REQUEST", {"body": {"status": "over"}}),
    (UPDATE, 401, "AUTHENTICATION_REQUIRED", {"body": {"status": "paused"}, "speaker": None}),
    (UPDATE, 403, "NOT_AUTHORIZED", {"body": {"status": "paused"}, "speaker": sessions.BOB}),
    (UPDATE, 404, "SESSION_NOT_FOUND", {"body": {"status": "paused"}, "session_id": UNKNOWN}),
    (UPDATE, 409, "SESSION_ENDED", {"body": {"status": "paused"}, "session_id": ENDED}),
    (UPDATE, 412, "VERSION_MISMATCH", {"body": {"status": "paused"}, "headers": {"If-Match": '"1"'}}),
    (UPDATE, 503, "SERVICE_UNAVAILABLE", {"body": {"status": "paused"}, "fault": TIMEOUT}),
    (UPDATE, 500, "INTERNAL_ERROR", {"body": {"status": "paused"}, "fault": BUG}),
    (DELETE, 204, None, {}),
    (DELETE, 400, "INVALID_REQUEST", {"headers": {"If-Match": TOO_MANY_ETAGS}}),
    (DELETE, 401, "AUTHENTICATION_REQUIRED", {"speaker": None}),
    (DELETE, 403, "NOT_AUTHORIZED", {"speaker": sessions.BOB}),
    (DELETE, 404, "SESSION_NOT_FOUND", {"session_id": UNKNOWN}),
    (DELETE, 412, "VERSION_MISMATCH", {"headers": {"If-Match": '"1"'}}),
    (DELETE, 503, "SERVICE_UNAVAILABLE", {"fault": TIMEOUT}),
    (DELETE, 500, "INTERNAL_ERROR", {"fault": BUG}),
    (LIST_CAPTIONS, 200, None, {}),
    (LIST_CAPTIONS, 200, None, {"headers": {"Accept": "text/vtt"}, "query": {"limit": "1"}}),
    (LIST_CAPTIONS, 400, "INVALID_REQUEST", {"query": {"language": "xx", "limit": "0"}}),
    (LIST_CAPTIONS, 404, "SESSION_NOT_FOUND", {"session_id": UNKNOWN}),
    (LIST_CAPTIONS, 406, "NOT_ACCEPTABLE", {"headers": {"Accept": "text/html"}}),
    (LIST_CAPTIONS, 503, "SERVICE_UNAVAILABLE", {"fault": TIMEOUT}),
    (LIST_CAPTIONS, 500, "INTERNAL_ERROR", {"fault": BUG}),
    (HEALTH, 200, None, {}),
    (HEALTH, 503, None, {"fault": TIMEOUT}),
    (HEALTH, 500, "INTERNAL_ERROR", {"fault": BUG}),
]


@pytest.mark.parametrize(
    ("route", "status", "code", "request_"), CASES, ids=[" ".join(map(str, case[:3])) for case in CASES]
)
def test_a_response_of_the_service_is_documented(route, status, code, request_, service):
    response = service(route, **request_)

    assert response["statusCode"] == status
    documented = OPERATIONS[route]["responses"][str(status)]
    media_type = response["headers"].get("Content-Type", "").partition(";")[0]
    headers = {name: value for name, value in response["headers"].items() if name != "Content-Type"}
    assert headers.keys() <= documented.get("headers", {}).keys()
    for name, value in headers.items():
        schema = documented["headers"][name]["schema"]
        validate(int(value) if schema["type"] == "integer" else value, schema)
    assert {
        name for name, header in documented.get("headers", {}).items() if header["required"]
    } <= headers.keys()
    assert ("body" in response) == ("content" in documented)
    if "body" in response:
        body = response["body"]
        if media_type == "application/json":
            body = json.loads(body)
            assert body.get("code") == code
        validate(body, documented["content"][media_type]["schema"])


def test_no_other_response_is_documented():
    documented = set()
    for route, operation in OPERATIONS.items():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json")
            bodies = [one["value"] for one in content["examples"].values()] if content else [{}]
            # API Gateway's own errors have a message and no code.
            own = [body for body in bodies if "code" in body or "message" not in body]
            documented |= {(route, int(status), body.get("code")) for body in own}

    assert documented == {case[:3] for case in CASES}


@pytest.fixture(scope="module")
def handler_by_route() -> Iterator[dict[str, Callable[..., dict[str, Any]]]]:
    """Return the handlers by route, with tables in moto."""
    settings = {**handlers.SETTINGS, "SESSIONS_PER_SPEAKER_PER_HOUR": "100", "VERSION": "1.2.3"}
    with mock_aws():
        tables.create_tables(create_client())
        modules = {
            route: handlers.load_handler(operation["operationId"], settings)
            for route, operation in OPERATIONS.items()
        }
        # A stopped clock: the limit would start anew with the next hour.
        limit = replace(modules[CREATE].sessions_per_speaker, clock=lambda: sessions.NOW)
        modules[CREATE].create_session._limit = limit
        for _ in range(100):
            limit.take(BUSY)
        yield {route: module.handler for route, module in modules.items()}


@pytest.fixture
def service(handler_by_route, monkeypatch, socket_disabled) -> Callable[..., dict[str, Any]]:
    """Return a function that sends a request. A live session, an ended one and a used key exist."""

    def send(route: str, *, fault: Exception | None = None, **request: Any) -> dict[str, Any]:
        if fault:
            monkeypatch.setattr("botocore.client.BaseClient._make_api_call", failing(fault))
        return handler_by_route[route](http_events.event(route, **request), http_events.LAMBDA_CONTEXT)

    now = time.time_ns() // 1_000_000
    lives = {"speaker": http_events.SPEAKER, "expires_at": now // 1000 + LIFETIME_S}
    for session in (
        sessions.a_session(id=SESSION, **lives),
        sessions.a_session(id=ENDED, status=Status.ENDED, ended_at=now, **lives),
    ):
        # Replace the session of the previous test.
        SessionsTable(create_client(), SESSIONS_TABLE).add(session, reusable_before=session.expires_at + 1)
    session = SessionRef(SESSION, sessions.a_session().created_at)
    for sequence in (1, 2):
        CaptionsTable(create_client(), CAPTIONS_TABLE).add(a_caption(sequence, session=session))
    send(CREATE, body={"sourceLanguage": "en"}, headers={"Idempotency-Key": "k"})
    return send


def failing(fault: Exception) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise fault

    return fail
