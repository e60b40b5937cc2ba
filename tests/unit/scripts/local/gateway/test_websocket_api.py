"""A WebSocket API over real sockets, with stand-ins for functions: handshakes, messages, limits, the end."""

import asyncio
import contextlib
import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest
import requests

from scripts.local.config.http_api import HttpApi
from scripts.local.config.routes import Throttle
from scripts.local.config.websocket_api import Authorizer, FunctionRoute, MockRoute, WebSocketApi
from scripts.local.event_loop import EventLoop
from scripts.local.gateway.gateway import Gateway
from scripts.local.gateway.management_api import ManagementApi
from scripts.local.gateway.open_connection import OpenConnection
from scripts.local.gateway.websocket_api import WebSocketGateway
from scripts.local.lambda_.invocation import Result, Throttled, TooLarge
from scripts.local.servers import listening
from tests.support.eventually import eventually
from tests.support.websocket_clients import (
    HandshakeRefused,
    WebSocketClient,
    WebSocketClients,
    websocket_clients,
)
from tests.unit.scripts.local.conftest import DOMAIN, NOW, Clock, Pool

AWS = boto3.Session("key", "secret", region_name="us-east-1")  # slow to create
EXECUTION_ARN = "arn:aws:execute-api:us-east-1:123456789012:ws1"
METHOD_ARN = f"{EXECUTION_ARN}/ws/$connect"
ALLOWED = {
    "principalId": "somebody",
    "policyDocument": {
        "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": METHOD_ARN}]
    },
    "context": {"sessionId": "s1"},
}


class FakeFunctions:
    """A stand-in for Lambda: the result of each function, and the events that it was invoked with."""

    def __init__(self) -> None:
        self.results: dict[str, Any] = {
            "authorize": ALLOWED,
            "connect": {"statusCode": 200},
            "disconnect": {"statusCode": 200},
            "ask": {"statusCode": 200, "body": '{"type":"answer"}'},
        }
        self.raises: dict[str, Exception] = {}
        self.errors: dict[str, str] = {}
        self.never_return: set[str] = set()
        self.events: dict[str, list[dict[str, Any]]] = {name: [] for name in self.results}
        self.while_running: Callable[[str], object] = lambda _: None

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        self.events[function].append(json.loads(payload))
        if function in self.never_return:
            await asyncio.Event().wait()
        if function in self.raises:
            raise self.raises[function]
        await asyncio.to_thread(self.while_running, function)
        if function in self.errors:
            return Result(json.dumps({"errorMessage": self.errors[function]}).encode(), error="Unhandled")
        return Result(json.dumps(self.results[function]).encode())


class Stage:
    """A WebSocket API that is served, and its parts."""

    def __init__(
        self,
        url: str,
        loop: EventLoop,
        gateway: WebSocketGateway,
        connections: dict[str, OpenConnection],
        management_api: ManagementApi,
        management_url: str,
    ) -> None:
        self.url = f"{url}/ws"
        self.loop = loop
        self.gateway = gateway
        self.connections = connections
        self.management_api = management_api
        self.management_url = f"{management_url}/ws"
        self.client = AWS.client("apigatewaymanagementapi", endpoint_url=self.management_url)

    @property
    def only_id(self) -> str:
        (connection_id,) = self.connections
        return connection_id


Serve = Callable[..., Stage]


@pytest.fixture
def functions() -> FakeFunctions:
    return FakeFunctions()


@pytest.fixture
def access_log() -> list[str]:
    return []


@pytest.fixture
def serve_stage(functions: FakeFunctions, clock: Clock, pool: Pool, access_log: list[str]) -> Iterator[Serve]:
    """Serve a WebSocket API whose fields are given."""
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(EventLoop())

        def start(**fields: Any) -> Stage:
            given: dict[str, Any] = {
                "id": "ws1",
                "domain": "ws1.execute-api.us-east-1.amazonaws.com",
                "execution_arn": EXECUTION_ARN,
                "stage": "ws",
                "authorizer": Authorizer("authorize"),
                "connect": FunctionRoute("$connect", "connect"),
                "disconnect": FunctionRoute("$disconnect", "disconnect"),
                "messages": {
                    "heartbeat": MockRoute("heartbeat", '{"type":"heartbeatAck"}'),
                    "$default": MockRoute("$default", '{"type":"error"}'),
                },
                "access_log_format": "$context.eventType $context.routeKey $context.status",
            }
            connections: dict[str, OpenConnection] = {}
            management_api = ManagementApi(EXECUTION_ARN, connections, lambda *_: True)
            management_url = stack.enter_context(listening(loop, management_api))
            options: Any = {"clock": clock, "write_log": access_log.append}
            gateway = WebSocketGateway(WebSocketApi(**given | fields), functions, connections, **options)
            http_api = HttpApi("abc123", DOMAIN, "123456789012", ())
            both = Gateway(http_api, functions, pool.fetch_keys, gateway, **options)
            url = stack.enter_context(listening(loop, both))
            return Stage(url, loop, gateway, connections, management_api, management_url)

        yield start


@pytest.fixture
def stage(serve_stage: Serve) -> Stage:
    return serve_stage()


@pytest.fixture
def clients() -> Iterator[WebSocketClients]:
    with websocket_clients() as clients:
        yield clients


def _refusal(clients: WebSocketClients, stage: Stage, **query: str) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as refused:
        clients.open(stage.url, **query)
    return refused.value


def _error_code(call: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        call()
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


# --- The handshake


def test_the_authorizer_is_invoked_with_the_request_as_it_was_received(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    clients.open(stage.url, {"Authorization": "Bearer x", "User-Agent": "tests"}, sessionId="s1", name="a b")

    (event,) = functions.events["authorize"]
    assert (event["type"], event["methodArn"]) == ("REQUEST", METHOD_ARN)
    assert event["headers"]["Authorization"] == event["multiValueHeaders"]["Authorization"][0] == "Bearer x"
    assert event["queryStringParameters"] == {"sessionId": "s1", "name": "a b"}
    assert event["multiValueQueryStringParameters"] == {"sessionId": ["s1"], "name": ["a b"]}
    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"], context["stage"]) == ("$connect", "CONNECT", "ws")
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tests"}
    assert context["connectedAt"] == int(NOW * 1_000)
    assert re.fullmatch(r"[\w-]{15}=", context["connectionId"])
    assert "authorizer" not in context


def test_the_context_of_the_authorizer_is_in_every_later_event(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    clients.open(stage.url).close()
    eventually(lambda: functions.events["disconnect"])

    (connected,), (disconnected,) = functions.events["connect"], functions.events["disconnect"]
    for event in (connected, disconnected):
        context = event["requestContext"]["authorizer"]
        assert (context["principalId"], context["sessionId"]) == ("somebody", "s1")
    ids = {
        event["requestContext"]["connectionId"]
        for event in (functions.events["authorize"][0], connected, disconnected)
    }
    assert len(ids) == 1


def test_the_subprotocol_that_connect_selects_reaches_the_client(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    functions.results["connect"] = {"statusCode": 200, "headers": {"sec-websocket-protocol": "b.v1"}}

    client = clients.open(stage.url, protocols=("a.v1", "b.v1"))

    assert client.socket.protocol == "b.v1"
    assert functions.events["authorize"][0]["headers"]["Sec-WebSocket-Protocol"] == "a.v1,b.v1"


@pytest.mark.parametrize("result", [{"statusCode": 200}, {"statusCode": 200, "headers": None}])
def test_a_connect_that_selects_no_subprotocol_opens_a_connection_without_one(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, result: dict[str, Any]
):
    functions.results["connect"] = result

    assert clients.open(stage.url, protocols=("a.v1",)).socket.protocol is None


def test_without_a_query_events_have_no_parameters(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    clients.open(stage.url)

    assert functions.events["authorize"][0]["queryStringParameters"] == {}
    assert "queryStringParameters" not in functions.events["connect"][0]


@pytest.mark.parametrize(
    ("answer", "failure", "status", "error_type"),
    [
        ({}, "Unauthorized", 401, "UnauthorizedException"),
        ({**ALLOWED, "policyDocument": {"Statement": []}}, None, 403, "ForbiddenException"),
        ({}, "boom", 500, "AuthorizerConfigurationException"),
        ("nonsense", None, 500, "AuthorizerConfigurationException"),
    ],
)
def test_a_client_that_the_authorizer_refuses_is_refused_before_connect(
    stage: Stage,
    clients: WebSocketClients,
    functions: FakeFunctions,
    answer: Any,
    failure: str | None,
    status: int,
    error_type: str,
):
    functions.results["authorize"] = answer
    functions.errors |= {"authorize": failure} if failure else {}

    refused = _refusal(clients, stage)

    assert (refused.status, refused.headers["x-amzn-errortype"]) == (status, error_type)
    assert functions.events["connect"] == []


@pytest.mark.parametrize("status", [400, 404, 410, 429, 503])
def test_the_status_of_connect_is_the_status_of_the_handshake(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, status: int
):
    functions.results["connect"] = {"statusCode": status, "body": '{"code": "SECRET"}', "headers": {"a": "b"}}

    refused = _refusal(clients, stage)

    assert (refused.status, "a" in refused.headers) == (status, False)
    assert stage.connections == {}
    assert functions.events["disconnect"] == []


@pytest.mark.parametrize("answer", [None, {}, {"statusCode": "fine"}, {"statusCode": 99}, []])
def test_a_malformed_result_of_connect_is_a_bad_gateway(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, answer: Any
):
    functions.results["connect"] = answer

    assert _refusal(clients, stage).status == 502


def test_a_connect_that_fails_is_a_bad_gateway(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    functions.errors["connect"] = "boom"

    assert _refusal(clients, stage).status == 502


def test_a_connect_that_takes_too_long_is_a_gateway_timeout(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    functions.never_return.add("connect")
    stage = serve_stage(connect=FunctionRoute("$connect", "connect", timeout=0.1))

    assert _refusal(clients, stage).status == 504


@pytest.mark.parametrize(
    "unpermitted",
    [
        {"connect": FunctionRoute("$connect", "connect", permitted=False)},
        {"authorizer": Authorizer("authorize", permitted=False)},
    ],
)
def test_a_function_that_api_gateway_may_not_invoke_is_not_invoked(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions, unpermitted: dict[str, Any]
):
    stage = serve_stage(**unpermitted)

    assert _refusal(clients, stage).status == 500
    assert functions.events["connect"] == []


def test_handshakes_above_the_throttle_are_too_many_requests(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    stage = serve_stage(connect=FunctionRoute("$connect", "connect", throttle=Throttle(rate=1, burst=2)))

    statuses = [answer for answer in clients.open_all(stage.url, [{}] * 5) if isinstance(answer, int)]

    assert statuses == [429] * 3
    assert len(functions.events["connect"]) == 2


def test_a_request_that_is_no_handshake_is_upgrade_required(stage: Stage):
    assert requests.get(stage.url, timeout=5).status_code == 426


# --- Messages


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ('{"action": "heartbeat"}', "heartbeatAck"),
        ('{"action": "heartbeat", "more": 1}', "heartbeatAck"),
        ('{"action": "dance"}', "error"),
        ('{"action": "$connect"}', "error"),
        ('{"action": "$default"}', "error"),
        ('{"action": 5}', "error"),
        ('["action"]', "error"),
        ("hello", "error"),
        ("", "error"),
    ],
)
def test_a_message_is_routed_by_its_action(
    stage: Stage, clients: WebSocketClients, message: str, answer: str
):
    client = clients.open(stage.url)

    client.send(message)

    eventually(lambda: client.messages)
    assert client.types() == [answer]


def test_a_message_without_a_route_is_forbidden(serve_stage: Serve, clients: WebSocketClients):
    stage = serve_stage(messages={})
    client = clients.open(stage.url)

    client.send("hello")

    eventually(lambda: client.messages)
    assert client.messages[0].keys() == {"message", "connectionId", "requestId"}
    assert (client.messages[0]["message"], client.messages[0]["connectionId"]) == ("Forbidden", stage.only_id)


def test_a_route_without_a_response_is_silent(serve_stage: Serve, clients: WebSocketClients):
    stage = serve_stage(
        messages={"$default": MockRoute("$default", None), "a": MockRoute("a", '{"type":"a"}')}
    )
    client = clients.open(stage.url)

    client.send("hello")
    client.send('{"action": "a"}')

    eventually(lambda: client.messages)
    assert client.types() == ["a"]


def test_messages_above_the_throttle_are_too_many_requests(serve_stage: Serve, clients: WebSocketClients):
    route = MockRoute("$default", '{"type":"error"}', Throttle(rate=1, burst=1))
    stage = serve_stage(messages={"$default": route})
    client = clients.open(stage.url)

    client.send("one")
    client.send("two")

    eventually(lambda: len(client.messages) == 2)
    assert client.messages[1]["message"] == "Too Many Requests"
    assert client.close_code is None


def test_a_mock_response_has_the_time_of_the_message(serve_stage: Serve, clients: WebSocketClients):
    route = MockRoute("$default", '{"type":"now","timestamp":$context.requestTimeEpoch}')
    stage = serve_stage(messages={"$default": route})
    client = clients.open(stage.url)

    client.send("hello")

    eventually(lambda: client.messages)
    assert client.messages == [{"type": "now", "timestamp": int(NOW * 1_000)}]


def test_a_binary_message_closes_the_connection(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    client = clients.open(stage.url)

    client.send(b'{"action": "heartbeat"}')

    eventually(lambda: client.closed and functions.events["disconnect"])
    assert (client.close_code, client.messages) == (1003, [])
    assert functions.events["disconnect"][0]["requestContext"]["disconnectStatusCode"] == 1003


# --- Messages that functions answer

ASK = FunctionRoute("ask", "ask", answers=True)


def _serve_ask(serve_stage: Serve, **fields: Any) -> Stage:
    """Serve a stage whose route `ask` invokes a function; the fields are the route's."""
    heartbeat = MockRoute("heartbeat", '{"type":"heartbeatAck"}')
    return serve_stage(messages={"ask": dataclasses.replace(ASK, **fields), "heartbeat": heartbeat})


def test_the_function_of_a_route_gets_the_message_and_the_context_of_the_connection(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    stage = _serve_ask(serve_stage)
    client = clients.open(stage.url, {"User-Agent": "tests"}, sessionId="s1")
    message = '{"action": "ask", "text": "¿Qué?"}'

    client.send(message)
    client.send(message)

    eventually(lambda: len(client.messages) == 2)
    event, second = functions.events["ask"]
    assert event.keys() == {"requestContext", "body", "isBase64Encoded"}
    assert (event["body"], event["isBase64Encoded"]) == (message, False)
    context = event["requestContext"]
    assert (context["routeKey"], context["eventType"]) == ("ask", "MESSAGE")
    assert context["connectionId"] == stage.only_id
    assert context["connectedAt"] == context["requestTimeEpoch"] == int(NOW * 1_000)
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "tests"}
    assert (context["authorizer"]["principalId"], context["authorizer"]["sessionId"]) == ("somebody", "s1")
    assert re.fullmatch(r"[\w-]{15}=", context["messageId"])
    assert context["messageId"] != second["requestContext"]["messageId"]
    assert context["requestId"] != second["requestContext"]["requestId"]


@pytest.mark.parametrize(
    ("result", "sent"),
    [
        ({"statusCode": 200, "body": '{"a": 1}'}, '{"a": 1}'),
        ({"statusCode": 400, "body": "as it is"}, "as it is"),
        ({"statusCode": 200}, ""),
        ({"statusCode": 200, "body": None}, ""),
    ],
)
def test_the_body_of_the_result_is_the_answer_of_a_two_way_route(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions, result: Any, sent: str
):
    functions.results["ask"] = result

    client = clients.open(_serve_ask(serve_stage).url)
    client.send('{"action": "ask"}')

    eventually(lambda: client.texts)
    assert client.texts == [sent]


def test_a_one_way_route_sends_nothing(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions, access_log: list[str]
):
    client = clients.open(_serve_ask(serve_stage, answers=False).url)

    client.send('{"action": "ask"}')
    eventually(lambda: "MESSAGE ask 200\n" in access_log)
    client.send('{"action": "heartbeat"}')

    eventually(lambda: client.messages)
    assert client.types() == ["heartbeatAck"]
    assert len(functions.events["ask"]) == 1


@pytest.mark.parametrize("answers", [True, False])
@pytest.mark.parametrize(
    ("failure", "message", "status"),
    [
        ("error", "Internal server error", 502),
        ("no status", "Internal server error", 502),
        ("a body that is no text", "Internal server error", 502),
        ("no object", "Internal server error", 502),
        ("throttled", "Internal server error", 502),
        ("too large", "Internal server error", 502),
        ("not permitted", "Internal server error", 500),
        ("timeout", "Endpoint request timed out", 504),
        ("route throttled", "Too Many Requests", 429),
    ],
)
def test_a_function_that_fails_is_answered_by_api_gateway(
    serve_stage: Serve,
    clients: WebSocketClients,
    functions: FakeFunctions,
    access_log: list[str],
    answers: bool,
    failure: str,
    message: str,
    status: int,
):
    route: dict[str, Any] = {"answers": answers}
    match failure:
        case "error":
            functions.errors["ask"] = "boom"
        case "no status":
            functions.results["ask"] = {"body": "x"}
        case "a body that is no text":
            functions.results["ask"] = {"statusCode": 200, "body": {"a": 1}}
        case "no object":
            functions.results["ask"] = ["x"]
        case "throttled":
            functions.raises["ask"] = Throttled()
        case "too large":
            functions.raises["ask"] = TooLarge()
        case "not permitted":
            route["permitted"] = False
        case "timeout":
            functions.never_return.add("ask")
            route["timeout"] = 0.01
        case "route throttled":
            route["throttle"] = Throttle(rate=1, burst=0)
    stage = _serve_ask(serve_stage, **route)
    client = clients.open(stage.url)

    client.send('{"action": "ask"}')

    eventually(lambda: client.messages)
    (answer,) = client.messages
    assert answer.keys() == {"message", "connectionId", "requestId"}
    assert (answer["message"], answer["connectionId"]) == (message, stage.only_id)
    assert client.close_code is None
    eventually(lambda: f"MESSAGE ask {status}\n" in access_log)


def test_messages_of_one_connection_run_side_by_side(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    client = clients.open(_serve_ask(serve_stage).url)
    both_run = threading.Barrier(2, timeout=30)
    functions.while_running = lambda function: function == "ask" and both_run.wait()

    client.send('{"action": "ask"}')
    client.send('{"action": "ask"}')

    eventually(lambda: len(client.messages) == 2)
    assert client.types() == ["answer", "answer"]


def test_a_message_that_still_runs_delays_no_other_and_no_disconnect(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    functions.never_return.add("ask")
    stage = _serve_ask(serve_stage)
    client = clients.open(stage.url)

    client.send('{"action": "ask"}')
    client.send('{"action": "heartbeat"}')
    eventually(lambda: client.types() == ["heartbeatAck"])
    client.close()

    eventually(lambda: functions.events["disconnect"])
    assert stage.connections == {}


def test_the_answer_to_a_client_that_has_left_is_lost(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions, access_log: list[str]
):
    left = threading.Event()
    functions.while_running = lambda function: function == "ask" and left.wait(30)
    client = clients.open(_serve_ask(serve_stage).url)

    client.send('{"action": "ask"}')
    eventually(lambda: functions.events["ask"])
    client.close()
    eventually(lambda: functions.events["disconnect"])
    left.set()

    eventually(lambda: "MESSAGE ask 200\n" in access_log)


def test_a_message_that_still_runs_does_not_delay_the_stop_of_the_system(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions
):
    functions.never_return.add("ask")
    stage = _serve_ask(serve_stage)
    clients.open(stage.url).send('{"action": "ask"}')
    eventually(lambda: functions.events["ask"])

    async def stop() -> int:
        stage.gateway.stop()
        await asyncio.sleep(0)  # the tasks that were cancelled end
        return len(stage.gateway._messages)

    eventually(lambda: stage.loop.run(stop()) == 0)


# --- Limits and the end


def test_a_message_of_128_kb_in_frames_of_32_kb_is_accepted(stage: Stage, clients: WebSocketClients):
    client = clients.open(stage.url)

    _send_in_frames(clients, client, [b"x" * 32 * 1024] * 4)

    eventually(lambda: client.messages)
    assert client.types() == ["error"]


@pytest.mark.parametrize(
    "frames",
    [[b"x" * (32 * 1024 + 1)], [b"x" * 60_000], [b"x" * 70_000], [b"x" * 32 * 1024] * 4 + [b"x"]],
    ids=["a frame of 32 KB and one byte", "60 kB", "70 kB", "a message of 128 KB and one byte"],
)
def test_a_frame_or_message_that_is_too_large_closes_the_connection(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, frames: list[bytes]
):
    client = clients.open(stage.url)

    _send_in_frames(clients, client, frames)

    eventually(lambda: client.closed and functions.events["disconnect"])
    assert client.close_code == 1009
    assert functions.events["disconnect"][0]["requestContext"]["disconnectStatusCode"] == 1009


def _send_in_frames(clients: WebSocketClients, client: WebSocketClient, frames: list[bytes]) -> None:
    text, continuation, final = 0x1, 0x0, 0x80

    async def send() -> None:
        transport = client.socket.get_extra_info("socket") and client.socket._conn.transport
        for index, payload in enumerate(frames):
            kind = (text if index == 0 else continuation) | (final if index == len(frames) - 1 else 0)
            size = len(payload)
            length = (
                bytes([0x80 | size])
                if size < 126
                else bytes([0x80 | 126]) + size.to_bytes(2, "big")
                if size < 2**16
                else bytes([0x80 | 127]) + size.to_bytes(8, "big")
            )
            transport.write(bytes([kind]) + length + bytes(4) + payload)

    clients.loop.run(send())


def test_a_connection_is_closed_after_ten_idle_minutes(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, clock: Clock
):
    idle, busy = clients.open(stage.url), clients.open(stage.url)

    clock.now += 599
    busy.send('{"action": "heartbeat"}')
    eventually(lambda: busy.messages)
    clock.now += 1

    eventually(lambda: idle.closed and functions.events["disconnect"])
    assert (idle.close_code, busy.close_code) == (1001, None)
    assert functions.events["disconnect"][0]["requestContext"]["disconnectReason"] == "Going away"


def test_a_message_to_the_client_keeps_a_connection_open_too(
    stage: Stage, clients: WebSocketClients, clock: Clock
):
    client = clients.open(stage.url)

    clock.now += 599
    stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"{}")
    clock.now += 599
    stage.loop.run(stage.gateway.close_expired())
    # It arrives only if no close frame was sent before.
    stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b'{"type": "open"}')

    eventually(lambda: client.types()[-1:] == ["open"])
    assert client.close_code is None


def test_a_connection_is_closed_after_two_hours(stage: Stage, clients: WebSocketClients, clock: Clock):
    client = clients.open(stage.url)

    for answers in range(1, 15):
        clock.now += 480
        client.send('{"action": "heartbeat"}')
        eventually(lambda: len(client.messages) == answers)  # noqa: B023  # within this round
    clock.now += 480

    eventually(lambda: client.closed)
    assert client.close_code == 1001


def test_disconnect_has_the_close_code_of_the_client(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    clients.open(stage.url).close()

    eventually(lambda: functions.events["disconnect"])
    context = functions.events["disconnect"][0]["requestContext"]
    assert (context["eventType"], context["disconnectStatusCode"]) == ("DISCONNECT", 1000)
    assert stage.connections == {}


def test_a_disconnect_can_be_lost(stage: Stage, clients: WebSocketClients, functions: FakeFunctions):
    first = clients.open(stage.url)
    lost = stage.only_id
    stage.gateway.loses_disconnect = lambda connection_id: connection_id == lost

    first.close()
    eventually(lambda: not stage.connections)
    clients.open(stage.url).close()

    eventually(lambda: functions.events["disconnect"])
    (event,) = functions.events["disconnect"]
    assert event["requestContext"]["connectionId"] != lost


def test_a_disconnect_that_fails_affects_no_other_client(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    functions.errors["disconnect"] = "boom"

    clients.open(stage.url).close()

    eventually(lambda: functions.events["disconnect"])
    assert clients.open(stage.url).close_code is None


def test_the_error_of_a_function_is_in_the_access_log(
    serve_stage: Serve, clients: WebSocketClients, functions: FakeFunctions, access_log: list[str]
):
    stage = serve_stage(access_log_format="$context.status $context.integration.error")
    functions.errors["connect"] = "boom"

    _refusal(clients, stage)

    eventually(lambda: access_log)
    assert access_log == ["502 Unhandled\n"]


def test_each_event_is_a_line_of_the_access_log(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions, access_log: list[str]
):
    client = clients.open(stage.url)
    client.send('{"action": "heartbeat"}')
    eventually(lambda: client.messages)
    client.close()
    functions.results["connect"] = {"statusCode": 410}
    _refusal(clients, stage)

    eventually(lambda: len(access_log) == 4)
    assert sorted(access_log) == [
        "CONNECT $connect 200\n",
        "CONNECT $connect 410\n",
        "DISCONNECT $disconnect 200\n",
        "MESSAGE heartbeat 200\n",
    ]


# --- @connections


def test_a_function_can_send_to_a_client(stage: Stage, clients: WebSocketClients):
    client = clients.open(stage.url)

    for number in range(3):
        stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b'{"type": "%d"}' % number)

    eventually(lambda: len(client.messages) == 3)
    assert client.types() == ["0", "1", "2"]


def test_a_function_can_describe_a_connection(stage: Stage, clients: WebSocketClients):
    clients.open(stage.url, {"User-Agent": "tests"})

    answer = stage.client.get_connection(ConnectionId=stage.only_id)

    assert answer["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tests"}
    assert answer["ConnectedAt"].timestamp() == answer["LastActiveAt"].timestamp() == NOW


def test_a_function_can_close_a_connection_after_a_last_message(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    client, connection_id = clients.open(stage.url), stage.only_id

    stage.client.post_to_connection(ConnectionId=connection_id, Data=b'{"type": "bye"}')
    stage.client.delete_connection(ConnectionId=connection_id)

    assert _error_code(lambda: stage.client.get_connection(ConnectionId=connection_id))[1] == 410
    eventually(lambda: client.closed and functions.events["disconnect"])
    assert (client.types(), client.close_code) == (["bye"], 1000)


def test_a_client_that_does_not_read_is_aborted(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    client = clients.open(stage.url)
    client.socket._conn.transport.pause_reading()

    for _ in range(200):
        stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"x" * 100_000)
    stage.client.delete_connection(ConnectionId=stage.only_id)

    eventually(lambda: functions.events["disconnect"])


@pytest.mark.parametrize("operation", ["post_to_connection", "get_connection", "delete_connection"])
def test_a_closed_connection_is_gone(stage: Stage, clients: WebSocketClients, operation: str):
    client, connection_id = clients.open(stage.url), stage.only_id
    client.close()
    eventually(lambda: not stage.connections)
    more = {"Data": b"x"} if operation == "post_to_connection" else {}

    code = _error_code(lambda: getattr(stage.client, operation)(ConnectionId=connection_id, **more))

    assert code == ("GoneException", 410)


def test_a_connection_does_not_exist_before_its_connect_has_answered(
    stage: Stage, clients: WebSocketClients, functions: FakeFunctions
):
    codes = []

    def post(function: str) -> None:
        if function == "connect":
            connection_id = functions.events["connect"][0]["requestContext"]["connectionId"]
            codes.append(
                _error_code(lambda: stage.client.post_to_connection(ConnectionId=connection_id, Data=b"x"))
            )

    functions.while_running = post
    clients.open(stage.url)

    assert codes == [("GoneException", 410)]


def test_an_invalid_connection_id_is_a_bad_request(stage: Stage):
    code = _error_code(lambda: stage.client.post_to_connection(ConnectionId="not an id", Data=b"x"))

    assert code == ("BadRequestException", 400)


def test_more_than_128_kb_is_too_large(stage: Stage, clients: WebSocketClients):
    client = clients.open(stage.url)

    def post(size: int) -> object:
        return stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"1" * size)

    assert _error_code(lambda: post(128 * 1024 + 1)) == ("PayloadTooLargeException", 413)
    post(1_000)
    eventually(lambda: client.messages)


def test_api_gateway_can_be_forced_to_fail(stage: Stage, clients: WebSocketClients):
    clients.open(stage.url)
    stage.management_api.forced_status = lambda method, _: 429 if method == "POST" else None

    code = _error_code(lambda: stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"x"))

    assert code == ("LimitExceededException", 429)
    stage.client.delete_connection(ConnectionId=stage.only_id)


def test_a_web_page_cannot_use_connections(stage: Stage, clients: WebSocketClients):
    clients.open(stage.url)

    answer = requests.post(f"{stage.management_url}/@connections/{stage.only_id}", data=b"x", timeout=5)

    assert answer.status_code == 403
