"""DynamoDB fails: 503 with Retry-After when a retry may cure it, else a clean 500, and nothing half done.

A server on 127.0.0.1 plays DynamoDB, so that the SDK itself meets each fault.
"""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import ModuleType
from typing import Any, ClassVar

import botocore.session
import pytest
import pytest_socket
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError

from shared.aws.dynamodb import DEFAULT_CONFIG, require_json
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.clock import now_ms
from tests.support.handlers import replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, HEALTH, LIST, REQUEST_ID, UPDATE, event
from tests.support.tables import SESSIONS_TABLE
from tests.support.use_cases import SessionUseCases
from tests.unit.functions.conftest import FUNCTIONS, LAMBDA_CONTEXT, Answer

Invoke = Callable[..., Answer]

FUNCTION_TIMEOUT_S = 10
# The classes of faults are told apart the same with one try and little patience.
IMPATIENT = DEFAULT_CONFIG.merge(
    Config(connect_timeout=0.3, read_timeout=0.3, retries={"mode": "standard", "total_max_attempts": 1})
)
AWS = botocore.session.get_session()
BODIES: dict[str, object] = {CREATE: {"sourceLanguage": "en"}, UPDATE: {"status": "paused"}}
INTERNAL = (
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


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Let this module's tests reach this machine, and nothing else."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


class FaultyDynamoDB(BaseHTTPRequestHandler):
    """Answers every request with the fault of its server."""

    server: "FaultyServer"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        self.server.fault(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class FaultyServer(ThreadingHTTPServer):
    """Counts how often it was asked."""

    daemon_threads = True
    block_on_close: ClassVar[bool] = False
    asked = 0
    fault: Callable[[BaseHTTPRequestHandler], None]

    def handle_error(self, *_: object) -> None:
        """Take it quietly when the client has gone."""


def responds(status: int, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def fault(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", "application/x-amz-json-1.0")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return fault


def refuses(code: str, status: int = 400) -> Callable[[BaseHTTPRequestHandler], None]:
    message = f"User: arn:aws:sts::123456789012:assumed-role/x on resource: table/{SESSIONS_TABLE}"
    return responds(
        status,
        json.dumps({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message}).encode(),
    )


def says_nothing(request: BaseHTTPRequestHandler) -> None:
    request.connection.settimeout(20)
    request.rfile.read(1)  # until the client gives up


def hangs_up(request: BaseHTTPRequestHandler) -> None:
    request.close_connection = True


def resets(request: BaseHTTPRequestHandler) -> None:
    linger_none = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
    request.connection.close()


def stops_half_way(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"Item": {')
    request.close_connection = True


@contextmanager
def faulty(fault: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[FaultyServer]:
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
def send(doors: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a way to send a route's usual request with the table at a port: send(route, port)."""

    def send(route: str, port: int, config: Config = IMPATIENT) -> Any:
        client = AWS.create_client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}", config=config)
        client.meta.events.register("before-parse.dynamodb", require_json)
        store = SessionsTable(client, SESSIONS_TABLE)
        if route == HEALTH:
            monkeypatch.setattr(doors[route], "sessions", store)
        elif route == LIST:
            monkeypatch.setattr(doors[route].list_sessions, "_index", SpeakerIndex(client, SESSIONS_TABLE))
        else:
            use_cases = SessionUseCases(store, EmbeddedMetrics("test"), now_ms)
            replace_use_cases(monkeypatch, {route: doors[route]}, use_cases)
        return doors[route].handler(event(route, body=BODIES.get(route)), LAMBDA_CONTEXT)

    return send


def assert_clean(response: dict[str, Any]) -> None:
    said = json.dumps(response).lower()
    assert not [word for word in INTERNAL if word in said], said


def assert_try_again(route: str, response: dict[str, Any]) -> None:
    assert response["statusCode"] == 503
    body = json.loads(response["body"])
    if route == HEALTH:
        assert body["status"] == "unhealthy"
    else:
        assert response["headers"]["Retry-After"] == "1"
        assert body["error"] == "Service temporarily unavailable. Try again"
        assert (body["code"], body["requestId"]) == ("SERVICE_UNAVAILABLE", REQUEST_ID)
    assert_clean(response)


TRANSIENT = {
    "throttled": refuses("ThrottlingException"),
    "over throughput": refuses("ProvisionedThroughputExceededException"),
    "over the account's limit": refuses("RequestLimitExceeded"),
    "internal error": refuses("InternalServerError", 500),
    "unavailable": refuses("ServiceUnavailable", 503),
    "bad gateway": responds(502, b"<html>bad gateway</html>"),
    "gateway timeout": responds(504, b""),
    "silence": says_nothing,
    "hang-up": hangs_up,
    "reset": resets,
    "half an answer": stops_half_way,
    "half a refusal": responds(400, b'{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFa'),
}
LASTING = {
    "access denied": refuses("AccessDeniedException"),
    "table missing": refuses("ResourceNotFoundException"),
    "bad signature": refuses("InvalidSignatureException"),
    "unknown key": refuses("UnrecognizedClientException"),
    "invalid call": refuses("ValidationException"),
    "an error of no kind": responds(400, b"{}"),
}


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("fault", TRANSIENT)
def test_what_a_retry_may_cure_is_503_with_a_time_to_come_back(
    send: Callable[..., Any], route: str, fault: str
):
    with faulty(TRANSIENT[fault]) as server:
        response = send(route, server.server_port)

    assert server.asked == 1
    assert_try_again(route, response)


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("fault", LASTING)
def test_what_no_retry_cures_is_a_clean_500(send: Callable[..., Any], route: str, fault: str):
    with faulty(LASTING[fault]) as server:
        response = send(route, server.server_port)

    if route == HEALTH:
        assert_try_again(route, response)
    else:
        assert response["statusCode"] == 500
        assert json.loads(response["body"])["error"] == "Internal server error"
        assert "Retry-After" not in response["headers"]
        assert_clean(response)


@pytest.mark.parametrize("route", FUNCTIONS)
def test_a_refused_connection_is_503(send: Callable[..., Any], route: str):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and not listened on
        response = send(route, taken.getsockname()[1])

    assert_try_again(route, response)


GARBAGE = {
    "html": b"<html>captive portal</html>",
    "bytes": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "half a row": b'{"Item": {"sessionId": {"S": "holy-psalm-100"}}, "Attributes": {"version": {"N": "1"}}}',
}


@pytest.mark.parametrize("route", FUNCTIONS)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_for_an_answer_is_never_taken_for_a_session(
    send: Callable[..., Any], route: str, garbage: str
):
    with faulty(responds(200, GARBAGE[garbage])) as server:
        response = send(route, server.server_port)

    if garbage == "half a row" and route in (CREATE, HEALTH):
        assert response["statusCode"] in (200, 201)  # neither looks at a row
    else:
        assert response["statusCode"] in (500, 503)
        assert_clean(response)


@pytest.mark.parametrize("route", [GET, CREATE])
def test_the_slowest_table_is_answered_within_the_functions_time(send: Callable[..., Any], route: str):
    with faulty(says_nothing) as server:
        started = time.monotonic()
        response = send(route, server.server_port, DEFAULT_CONFIG)
        took = time.monotonic() - started

    assert server.asked == 2
    assert took < FUNCTION_TIMEOUT_S
    assert_try_again(route, response)


def test_one_fault_is_cured_by_the_sdks_own_retry(send: Callable[..., Any]):
    answered = iter([refuses("InternalServerError", 500), responds(200, b"{}")])

    with faulty(lambda request: next(answered)(request)) as server:
        response = send(CREATE, server.server_port, DEFAULT_CONFIG)

    assert server.asked == 2
    assert response["statusCode"] == 201


# The write happened, and every answer to it got lost: the table is moto's.


@contextmanager
def every_answer_lost(client: Any, operation: str, *, up_to: int = 2) -> Iterator[None]:
    """Let each request of the operation reach the table, then break its connection; `up_to` of them."""
    name = f"before-send.dynamodb.{operation}"
    sending = threading.local()
    left = iter(range(up_to))

    def send_and_lose(request: AWSRequest, **_: Any) -> None:
        if getattr(sending, "now", False) or next(left, None) is None:
            return
        sending.now = True
        try:
            client.meta.events.emit(name, request=request)
        finally:
            sending.now = False
        raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register_first(name, send_and_lose)
    try:
        yield
    finally:
        client.meta.events.unregister(name, send_and_lose)


def test_a_create_whose_answers_got_lost_is_found_again_by_its_key(table: Any, client: Any, invoke: Invoke):
    sent: dict[str, Any] = {"body": {"sourceLanguage": "en"}, "headers": {"Idempotency-Key": "k1"}}

    with every_answer_lost(client, "PutItem"):
        lost = invoke(CREATE, **sent)
    again = invoke(CREATE, **sent)

    assert (lost.status, lost.headers["Retry-After"]) == (503, "1")
    assert again.status == 201
    assert [row["sessionId"]["S"] for row in table.scan(TableName=SESSIONS_TABLE)["Items"]] == [
        again.body["sessionId"]
    ]


def test_an_end_whose_answers_got_lost_can_be_sent_again(opened: Answer, client: Any, invoke: Invoke):
    with every_answer_lost(client, "UpdateItem"):
        lost = invoke(DELETE, session_id=opened.body["sessionId"])
    again = invoke(DELETE, session_id=opened.body["sessionId"])

    assert (lost.status, again.status) == (503, 204)
    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "ended"


def test_a_change_whose_first_answer_got_lost_is_made_once(opened: Answer, client: Any, invoke: Invoke):
    with every_answer_lost(client, "UpdateItem", up_to=1):
        changed = invoke(UPDATE, session_id=opened.body["sessionId"], body={"status": "paused"})

    assert (changed.status, changed.body["status"]) == (200, "paused")
    assert changed.calls == ["UpdateItem", "UpdateItem"]
    assert int(changed.headers["ETag"].strip('"')) == int(opened.headers["ETag"].strip('"')) + 1


def test_a_change_is_whole_or_not_at_all_when_its_answers_got_lost(
    opened: Answer, client: Any, invoke: Invoke
):
    wanted = {"status": "paused", "sourceLanguage": "fr", "qualityTier": "premium"}

    with every_answer_lost(client, "UpdateItem"):
        lost = invoke(
            UPDATE,
            session_id=opened.body["sessionId"],
            body=wanted,
            headers={"If-Match": opened.headers["ETag"]},
        )

    found = invoke(GET, session_id=opened.body["sessionId"])
    assert lost.status == 503
    assert {name: found.body[name] for name in wanted} == wanted
    assert found.headers["ETag"] == f'"{int(opened.headers["ETag"].strip(chr(34))) + 1}"'
