"""Faults of DynamoDB: 503 where a retry may succeed, otherwise 500, and no update is half applied.

A server on 127.0.0.1 takes the place of DynamoDB, so that the SDK itself meets each fault.
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType, SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
import pytest_socket
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from shared.aws.captions_table import CaptionsTable
from shared.aws.dynamodb import DEFAULT_CONFIG, create_client
from shared.aws.idempotency_keys_table import IdempotencyKeysTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.captions.list import ListCaptions
from shared.clock import now_ms
from tests.support.handlers import FUNCTIONS, LAMBDA_CONTEXT, replace_use_cases
from tests.support.http_events import (
    CREATE,
    DELETE,
    GET,
    HEALTH,
    LIST,
    LIST_CAPTIONS,
    REQUEST_ID,
    UPDATE,
    event,
)
from tests.support.tables import (
    CAPTIONS_TABLE,
    IDEMPOTENCY_KEYS_TABLE,
    SESSIONS_TABLE,
    record_requests,
)
from tests.support.use_cases import SessionUseCases
from tests.unit.functions.conftest import Invoke, Response

FUNCTION_TIMEOUT_S = 10
# A server that responds is never too slow for these timeouts, however busy the machine is.
LONG_TIMEOUTS = Config(connect_timeout=60, read_timeout=60)
# A server that never responds makes the SDK wait for the whole read timeout.
SHORT_READ_TIMEOUT = Config(connect_timeout=60, read_timeout=0.1)
ONE_ATTEMPT = Config(retries={"mode": "standard", "total_max_attempts": 1})
BODIES: dict[str, object] = {CREATE: {"sourceLanguage": "en"}, UPDATE: {"status": "paused"}}
INTERNAL_NAMES = (
    "dynamodb",
    "amazon",
    "arn:",
    SESSIONS_TABLE,
    "123456789012",
    "traceback",
    "botocore",
    "exception",
    "127.0.0.1",
)

Fault = Callable[[BaseHTTPRequestHandler], None]
Send = Callable[..., Response]


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Allow connections to this machine only."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@pytest.fixture(autouse=True)
def retry_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """List the seconds that the SDK waits before its retries, instead of waiting."""
    waits: list[float] = []
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=waits.append))
    return waits


class FaultyDynamoDB(BaseHTTPRequestHandler):
    """Responds to every request with the fault of its server."""

    server: "FaultyServer"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.fault(self)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class FaultyServer(ThreadingHTTPServer):
    """A server with one fault."""

    daemon_threads = True
    fault: Fault

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Ignore a client that has closed its connection."""


def response_with(status: int, body: bytes) -> Fault:
    def fault(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/x-amz-json-1.0")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return fault


def error_with(code: str, status: int = 400) -> Fault:
    message = f"User: arn:aws:sts::123456789012:assumed-role/x on resource: table/{SESSIONS_TABLE}"
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}
    return response_with(status, json.dumps(body).encode())


def no_response(request: BaseHTTPRequestHandler) -> None:
    request.rfile.read(1)  # returns when the client closes the connection


def closed_connection(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def reset_connection(request: BaseHTTPRequestHandler) -> None:
    # With a linger time of 0 s, close() sends RST instead of FIN.
    no_linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    request.connection.close()


def truncated_body(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"Item": {')
    request.close_connection = True


@contextmanager
def server_with(fault: Fault) -> Iterator[FaultyServer]:
    with FaultyServer(("127.0.0.1", 0), FaultyDynamoDB) as server:
        server.fault = fault
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def send(handlers: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return a function that sends a valid request while DynamoDB is at a URL: send(route, url, config)."""

    def send(route: str, url: str, config: Config) -> Response:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        client = create_client(DEFAULT_CONFIG.merge(config))
        store = SessionsTable(client, SESSIONS_TABLE)
        if route == HEALTH:
            monkeypatch.setattr(handlers[route], "sessions", store)
        elif route == LIST:
            monkeypatch.setattr(handlers[route].list_sessions, "_index", SpeakerIndex(client, SESSIONS_TABLE))
        elif route == LIST_CAPTIONS:
            list_captions = ListCaptions(store, CaptionsTable(client, CAPTIONS_TABLE), now_ms)
            monkeypatch.setattr(handlers[route], "list_captions", list_captions)
        else:
            keys = IdempotencyKeysTable(client, IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE)
            use_cases = SessionUseCases(store, EmbeddedMetrics("test"), now_ms, keys=keys)
            replace_use_cases(monkeypatch, {route: handlers[route]}, use_cases)
        with record_requests(client) as calls:
            response = handlers[route].handler(event(route, body=BODIES.get(route)), LAMBDA_CONTEXT)
        return Response(response["statusCode"], response["headers"], json.loads(response["body"]), calls)

    return send


def assert_no_internal_names(response: Response) -> None:
    text = json.dumps([response.headers, response.body]).lower()
    assert not [name for name in INTERNAL_NAMES if name in text], text


def assert_service_unavailable(route: str, response: Response) -> None:
    assert response.status == 503
    if route == HEALTH:
        assert response.body["status"] == "unhealthy"
    else:
        assert response.headers["Retry-After"] == "1"
        assert response.body["error"] == "Service temporarily unavailable. Try again"
        assert (response.body["code"], response.body["requestId"]) == ("SERVICE_UNAVAILABLE", REQUEST_ID)
    assert_no_internal_names(response)


TEMPORARY_FAULTS = {
    "throttling": error_with("ThrottlingException"),
    "exceeded throughput": error_with("ProvisionedThroughputExceededException"),
    "exceeded account limit": error_with("RequestLimitExceeded"),
    "internal error": error_with("InternalServerError", 500),
    "unavailable": error_with("ServiceUnavailable", 503),
    "bad gateway": response_with(502, b"<html>bad gateway</html>"),
    "gateway timeout": response_with(504, b""),
    "no response": no_response,
    "closed connection": closed_connection,
    "reset connection": reset_connection,
    "truncated body": truncated_body,
    "truncated error": response_with(400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFa'),
}
PERMANENT_FAULTS = {
    "access denied": error_with("AccessDeniedException"),
    "missing table": error_with("ResourceNotFoundException"),
    "invalid signature": error_with("InvalidSignatureException"),
    "unknown key": error_with("UnrecognizedClientException"),
    "invalid call": error_with("ValidationException"),
    "error without a code": response_with(400, b"{}"),
}


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("fault", TEMPORARY_FAULTS)
def test_a_temporary_fault_is_503_with_retry_after(send: Send, route: str, fault: str):
    timeouts = SHORT_READ_TIMEOUT if TEMPORARY_FAULTS[fault] is no_response else LONG_TIMEOUTS

    with server_with(TEMPORARY_FAULTS[fault]) as server:
        response = send(route, server.url, timeouts.merge(ONE_ATTEMPT))

    assert len(response.calls) == 1
    assert_service_unavailable(route, response)


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("fault", PERMANENT_FAULTS)
def test_a_permanent_fault_is_500_without_internal_names(send: Send, route: str, fault: str):
    with server_with(PERMANENT_FAULTS[fault]) as server:
        response = send(route, server.url, LONG_TIMEOUTS.merge(ONE_ATTEMPT))

    if route == HEALTH:
        assert_service_unavailable(route, response)
    else:
        assert response.status == 500
        assert response.body["error"] == "Internal server error"
        assert "Retry-After" not in response.headers
        assert_no_internal_names(response)


@pytest.mark.parametrize("route", FUNCTIONS)
def test_a_refused_connection_is_503_with_retry_after(send: Send, route: str):
    with socket.socket() as bound_but_not_listening:
        bound_but_not_listening.bind(("127.0.0.1", 0))
        port = bound_but_not_listening.getsockname()[1]
        response = send(route, f"http://127.0.0.1:{port}", LONG_TIMEOUTS.merge(ONE_ATTEMPT))

    assert_service_unavailable(route, response)


MALFORMED_BODIES = {
    "html": b"<html>captive portal</html>",
    "bytes": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "an incomplete item": (
        b'{"Item": {"sessionId": {"S": "holy-psalm-100"}}, "Attributes": {"version": {"N": "1"}}}'
    ),
}


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("body", MALFORMED_BODIES)
def test_a_malformed_response_of_dynamodb_is_not_taken_for_a_session(send: Send, route: str, body: str):
    with server_with(response_with(200, MALFORMED_BODIES[body])) as server:
        response = send(route, server.url, LONG_TIMEOUTS.merge(ONE_ATTEMPT))

    if body == "an incomplete item" and route in (CREATE, HEALTH):
        assert response.status in (200, 201)  # neither reads an item
    else:
        assert response.status in (500, 503)
        assert_no_internal_names(response)


@pytest.mark.parametrize("route", [GET, CREATE])
def test_without_responses_of_dynamodb_a_function_gives_up_before_its_timeout(
    send: Send, route: str, retry_waits: list[float]
):
    with server_with(no_response) as server:
        response = send(route, server.url, SHORT_READ_TIMEOUT)

    attempts = len(response.calls)
    timeout_s = DEFAULT_CONFIG.connect_timeout + DEFAULT_CONFIG.read_timeout
    assert attempts == 2
    assert len(retry_waits) == attempts - 1
    assert attempts * timeout_s + sum(retry_waits) < FUNCTION_TIMEOUT_S
    assert_service_unavailable(route, response)


def test_the_sdk_retries_after_one_fault(send: Send):
    responses = iter([error_with("InternalServerError", 500), response_with(200, b"{}")])

    with server_with(lambda request: next(responses)(request)) as server:
        response = send(CREATE, server.url, LONG_TIMEOUTS)

    assert len(response.calls) == 2
    assert response.status == 201


# Lost responses: moto applies the write, and the SDK does not receive the response.


@contextmanager
def lost_responses(client: Any, operation: str, *, count: int = 2) -> Iterator[None]:
    """Let the first `count` requests of the operation reach the table, and fail instead of responding."""
    name = f"before-send.dynamodb.{operation}"
    sending = threading.local()
    remaining = iter(range(count))

    def send_and_fail(request: AWSRequest, **_: Any) -> None:
        if getattr(sending, "now", False) or next(remaining, None) is None:
            return
        sending.now = True
        try:
            client.meta.events.emit(name, request=request)
        finally:
            sending.now = False
        raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register_first(name, send_and_fail)
    try:
        yield
    finally:
        client.meta.events.unregister(name, send_and_fail)


def test_a_create_whose_responses_are_lost_can_be_repeated_with_its_idempotency_key(
    client: Any, invoke: Invoke
):
    request: dict[str, Any] = {"body": {"sourceLanguage": "en"}, "headers": {"Idempotency-Key": "k1"}}

    with lost_responses(client, "TransactWriteItems"):
        first = invoke(CREATE, **request)
    second = invoke(CREATE, **request)

    assert (first.status, first.headers["Retry-After"]) == (503, "1")
    assert second.status == 201
    assert [row["sessionId"]["S"] for row in client.scan(TableName=SESSIONS_TABLE)["Items"]] == [
        second.body["sessionId"]
    ]


def test_a_delete_whose_responses_are_lost_can_be_repeated(session_id: str, client: Any, invoke: Invoke):
    with lost_responses(client, "UpdateItem"):
        first = invoke(DELETE, session_id=session_id)
    second = invoke(DELETE, session_id=session_id)

    assert (first.status, second.status) == (503, 204)
    assert invoke(GET, session_id=session_id).body["status"] == "ended"


def test_an_update_whose_first_response_is_lost_is_applied_once(
    created: Response, session_id: str, client: Any, invoke: Invoke
):
    with lost_responses(client, "UpdateItem", count=1):
        response = invoke(UPDATE, session_id=session_id, body={"status": "paused"})

    assert (response.status, response.body["status"]) == (200, "paused")
    assert response.calls == ["UpdateItem", "UpdateItem"]
    assert version(response) == version(created) + 1


def test_an_update_whose_responses_are_lost_is_applied_completely_and_once(
    created: Response, session_id: str, client: Any, invoke: Invoke
):
    fields = {"status": "paused", "sourceLanguage": "fr", "qualityTier": "premium"}

    with lost_responses(client, "UpdateItem"):
        update = invoke(
            UPDATE, session_id=session_id, body=fields, headers={"If-Match": created.headers["ETag"]}
        )

    read = invoke(GET, session_id=session_id)
    assert update.status == 503
    assert {name: read.body[name] for name in fields} == fields
    assert version(read) == version(created) + 1


def version(response: Response) -> int:
    return int(response.headers["ETag"].strip('"'))
