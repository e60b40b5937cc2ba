"""What API Gateway does with WebSockets: handshakes, messages, limits, and @connections."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.exceptions
import pytest
import requests

from scripts.local import system
from scripts.local.config.http_api import HttpApi
from scripts.local.config.routes import Throttle
from scripts.local.config.websocket_api import Authorizer, FunctionRoute, MockRoute, WebSocketApi
from scripts.local.gateway.connections import Connections
from scripts.local.gateway.http_api import Gateway
from scripts.local.gateway.websocket_api import WebSocketGateway
from scripts.local.lambda_ import runtime
from tests.support.websocket_clients import Client, Clients, Refused, clients, eventually
from tests.unit.scripts.local.conftest import DOMAIN, NOW, Clock, Pool

AWS = boto3.Session("key", "secret", region_name="us-east-1")  # it takes long to make
METHOD_ARN = "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/$connect"
ALLOWED = {
    "principalId": "somebody",
    "policyDocument": {
        "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": METHOD_ARN}]
    },
    "context": {"sessionId": "s1"},
}


class Crew:
    """Stands for Lambda: what each function answers, and the events that each was given."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "authorize": ALLOWED,
            "connect": {"statusCode": 200},
            "disconnect": {"statusCode": 200},
        }
        self.failures: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.events: dict[str, list[dict[str, Any]]] = {name: [] for name in self.answers}
        self.meanwhile: Callable[[str], None] = lambda _: None

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> runtime.Result:
        self.events[function].append(json.loads(payload))
        await asyncio.sleep(self.seconds.get(function, 0))
        await asyncio.to_thread(self.meanwhile, function)
        if function in self.failures:
            said = json.dumps({"errorMessage": self.failures[function]}).encode()
            return runtime.Result(said, error="Unhandled")
        return runtime.Result(json.dumps(self.answers[function]).encode())


class Stage:
    """One WebSocket API that is served."""

    def __init__(
        self, url: str, gateway: WebSocketGateway, connections: Connections, connections_url: str
    ) -> None:
        self.url = f"{url}/ws"
        self.gateway = gateway
        self.connections = connections
        self.connections_url = f"{connections_url}/ws"
        self.client = AWS.client("apigatewaymanagementapi", endpoint_url=self.connections_url)

    @property
    def only_id(self) -> str:
        (connection_id,) = self.connections.open
        return connection_id


Serve = Callable[..., Stage]


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def access_log() -> list[str]:
    return []


@pytest.fixture
def serve_stage(crew: Crew, clock: Clock, pool: Pool, access_log: list[str]) -> Iterator[Serve]:
    """Serve a WebSocket API whose fields are given."""
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(system.event_loop())

        def start(**fields: Any) -> Stage:
            given: dict[str, Any] = {
                "id": "ws1",
                "domain": "ws1.execute-api.us-east-1.amazonaws.com",
                "execution_arn": "arn:aws:execute-api:us-east-1:123456789012:ws1",
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
            connections = Connections()
            connections_url = stack.enter_context(system.listening(loop, connections, 0))
            gateway = WebSocketGateway(
                WebSocketApi(**given | fields), crew, connections, clock=clock, log=access_log.append
            )
            http = Gateway(
                HttpApi("abc123", DOMAIN, "123456789012", ()),
                crew,
                pool.fetch_keys,
                elsewhere={gateway.path: gateway.handle},
            )
            url = stack.enter_context(system.listening(loop, http, 0))
            loop.run(gateway.start())
            stack.callback(lambda: loop.run(gateway.stop()))
            return Stage(url, gateway, connections, connections_url)

        yield start


@pytest.fixture
def stage(serve_stage: Serve) -> Stage:
    return serve_stage()


@pytest.fixture
def people() -> Iterator[Clients]:
    with clients() as opener:
        yield opener


def _refusal(people: Clients, stage: Stage, **query: str) -> Refused:
    with pytest.raises(Refused) as refused:
        people.open(stage.url, **query)
    return refused.value


def _error_code(ask: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(botocore.exceptions.ClientError) as raised:
        ask()
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


# --- The handshake


def test_the_authorizer_is_asked_with_the_request_as_it_came(stage: Stage, people: Clients, crew: Crew):
    people.open(stage.url, {"Authorization": "Bearer x", "User-Agent": "tests"}, sessionId="s1", name="a b")

    (event,) = crew.events["authorize"]
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


def test_what_the_authorizer_found_out_comes_with_every_later_event(
    stage: Stage, people: Clients, crew: Crew
):
    people.open(stage.url).leave()
    eventually(lambda: crew.events["disconnect"])

    (connected,), (disconnected,) = crew.events["connect"], crew.events["disconnect"]
    for event in (connected, disconnected):
        found = event["requestContext"]["authorizer"]
        assert (found["principalId"], found["sessionId"]) == ("somebody", "s1")
    ids = {
        event["requestContext"]["connectionId"]
        for event in (crew.events["authorize"][0], connected, disconnected)
    }
    assert len(ids) == 1


def test_without_a_query_there_is_none_in_the_event(stage: Stage, people: Clients, crew: Crew):
    people.open(stage.url)

    assert crew.events["authorize"][0]["queryStringParameters"] == {}
    assert "queryStringParameters" not in crew.events["connect"][0]


@pytest.mark.parametrize(
    ("answer", "failure", "status", "error_type"),
    [
        ({}, "Unauthorized", 401, "UnauthorizedException"),
        ({**ALLOWED, "policyDocument": {"Statement": []}}, None, 403, "ForbiddenException"),
        ({}, "boom", 500, "AuthorizerConfigurationException"),
        ("nonsense", None, 500, "AuthorizerConfigurationException"),
    ],
)
def test_whom_the_authorizer_does_not_let_in_is_refused_before_connect(
    stage: Stage, people: Clients, crew: Crew, answer: Any, failure: str | None, status: int, error_type: str
):
    crew.answers["authorize"] = answer
    crew.failures |= {"authorize": failure} if failure else {}

    refused = _refusal(people, stage)

    assert (refused.status, refused.headers["x-amzn-errortype"]) == (status, error_type)
    assert crew.events["connect"] == []


@pytest.mark.parametrize("status", [400, 404, 410, 429, 503])
def test_the_status_of_connect_is_that_of_the_handshake(
    stage: Stage, people: Clients, crew: Crew, status: int
):
    crew.answers["connect"] = {"statusCode": status, "body": '{"code": "SECRET"}', "headers": {"a": "b"}}

    refused = _refusal(people, stage)

    assert (refused.status, "a" in refused.headers) == (status, False)
    assert stage.connections.open == {}
    assert crew.events["disconnect"] == []


@pytest.mark.parametrize("answer", [None, {}, {"statusCode": "fine"}, {"statusCode": 99}, []])
def test_a_connect_that_makes_no_sense_is_a_bad_gateway(
    stage: Stage, people: Clients, crew: Crew, answer: Any
):
    crew.answers["connect"] = answer

    assert _refusal(people, stage).status == 502


def test_a_connect_that_fails_is_a_bad_gateway(stage: Stage, people: Clients, crew: Crew):
    crew.failures["connect"] = "boom"

    assert _refusal(people, stage).status == 502


def test_a_connect_that_takes_too_long_is_a_gateway_timeout(serve_stage: Serve, people: Clients, crew: Crew):
    crew.seconds["connect"] = 1
    stage = serve_stage(connect=FunctionRoute("$connect", "connect", timeout=0.1))

    assert _refusal(people, stage).status == 504


@pytest.mark.parametrize(
    "unpermitted",
    [
        {"connect": FunctionRoute("$connect", "connect", permitted=False)},
        {"authorizer": Authorizer("authorize", permitted=False)},
    ],
)
def test_a_function_that_api_gateway_may_not_invoke_is_not_invoked(
    serve_stage: Serve, people: Clients, crew: Crew, unpermitted: dict[str, Any]
):
    stage = serve_stage(**unpermitted)

    assert _refusal(people, stage).status == 500
    assert crew.events["connect"] == []


def test_more_handshakes_than_the_throttle_lets_through_are_too_many(
    serve_stage: Serve, people: Clients, crew: Crew
):
    stage = serve_stage(connect=FunctionRoute("$connect", "connect", throttle=Throttle(rate=1, burst=2)))

    statuses = [answer for answer in people.open_all(stage.url, [{}] * 5) if isinstance(answer, int)]

    assert statuses == [429] * 3
    assert len(crew.events["connect"]) == 2


def test_what_is_no_handshake_is_told_to_upgrade(stage: Stage):
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
        (b"\xff\x00", "error"),
    ],
)
def test_a_message_is_routed_by_its_action(stage: Stage, people: Clients, message: str | bytes, answer: str):
    client = people.open(stage.url)

    client.say(message)

    eventually(lambda: client.told)
    assert client.types() == [answer]


def test_a_message_without_a_route_is_forbidden(serve_stage: Serve, people: Clients):
    stage = serve_stage(messages={})
    client = people.open(stage.url)

    client.say("hello")

    eventually(lambda: client.told)
    assert client.told[0].keys() == {"message", "connectionId", "requestId"}
    assert (client.told[0]["message"], client.told[0]["connectionId"]) == ("Forbidden", stage.only_id)


def test_a_route_without_a_response_is_silent(serve_stage: Serve, people: Clients):
    stage = serve_stage(
        messages={"$default": MockRoute("$default", None), "a": MockRoute("a", '{"type":"a"}')}
    )
    client = people.open(stage.url)

    client.say("hello")
    client.say('{"action": "a"}')

    eventually(lambda: client.told)
    assert client.types() == ["a"]


def test_more_messages_than_the_throttle_lets_through_are_too_many(serve_stage: Serve, people: Clients):
    route = MockRoute("$default", '{"type":"error"}', Throttle(rate=1, burst=1))
    stage = serve_stage(messages={"$default": route})
    client = people.open(stage.url)

    client.say("one")
    client.say("two")

    eventually(lambda: len(client.told) == 2)
    assert client.told[1]["message"] == "Too Many Requests"
    assert client.close_code is None


# --- Limits and the end


def test_a_message_of_128_kb_in_frames_of_32_kb_is_taken(stage: Stage, people: Clients):
    client = people.open(stage.url)

    _say_in_frames(people, client, [b"x" * 32 * 1024] * 4)

    eventually(lambda: client.told)
    assert client.types() == ["error"]


@pytest.mark.parametrize(
    "frames",
    [[b"x" * (32 * 1024 + 1)], [b"x" * 60_000], [b"x" * 70_000], [b"x" * 32 * 1024] * 4 + [b"x"]],
    ids=["a frame of 32 KB and one byte", "60 kB", "70 kB", "a message of 128 KB and one byte"],
)
def test_a_frame_or_message_that_is_too_large_closes_the_connection(
    stage: Stage, people: Clients, crew: Crew, frames: list[bytes]
):
    client = people.open(stage.url)

    _say_in_frames(people, client, frames)

    eventually(lambda: client.closed_at and crew.events["disconnect"])
    assert client.close_code == 1009
    assert crew.events["disconnect"][0]["requestContext"]["disconnectStatusCode"] == 1009


def _say_in_frames(people: Clients, client: Client, frames: list[bytes]) -> None:
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

    people._loop.run(send())


def test_a_connection_is_closed_after_ten_idle_minutes(
    stage: Stage, people: Clients, crew: Crew, clock: Clock
):
    idle, busy = people.open(stage.url), people.open(stage.url)

    clock.now += 599
    busy.say('{"action": "heartbeat"}')
    eventually(lambda: busy.told)
    clock.now += 1

    eventually(lambda: idle.closed_at and crew.events["disconnect"])
    assert (idle.close_code, busy.close_code) == (1001, None)
    assert crew.events["disconnect"][0]["requestContext"]["disconnectReason"] == "Going away"


def test_what_the_server_says_keeps_a_connection_too(stage: Stage, people: Clients, clock: Clock):
    client = people.open(stage.url)

    clock.now += 599
    stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"{}")
    clock.now += 599

    eventually(lambda: client.told)
    with pytest.raises(AssertionError):
        eventually(lambda: client.closed_at, seconds=1.2)


def test_a_connection_is_closed_after_two_hours(stage: Stage, people: Clients, clock: Clock):
    client = people.open(stage.url)

    for _ in range(15):
        clock.now += 480
        client.say('{"action": "heartbeat"}')

    eventually(lambda: client.closed_at)
    assert client.close_code == 1001


def test_a_client_that_leaves_is_told_of_with_its_code(stage: Stage, people: Clients, crew: Crew):
    people.open(stage.url).leave()

    eventually(lambda: crew.events["disconnect"])
    context = crew.events["disconnect"][0]["requestContext"]
    assert (context["eventType"], context["disconnectStatusCode"]) == ("DISCONNECT", 1000)
    assert stage.connections.open == {}


def test_a_disconnect_can_get_lost(stage: Stage, people: Clients, crew: Crew):
    stage.gateway.loses = lambda _: True

    people.open(stage.url).leave()

    eventually(lambda: not stage.connections.open)
    stage.gateway.loses = lambda _: False
    people.open(stage.url).leave()
    eventually(lambda: crew.events["disconnect"])
    assert len(crew.events["disconnect"]) == 1


def test_a_disconnect_that_fails_harms_nobody(stage: Stage, people: Clients, crew: Crew):
    crew.failures["disconnect"] = "boom"

    people.open(stage.url).leave()

    eventually(lambda: crew.events["disconnect"])
    assert people.open(stage.url).close_code is None


def test_each_event_is_a_line_of_the_access_log(
    stage: Stage, people: Clients, crew: Crew, access_log: list[str]
):
    client = people.open(stage.url)
    client.say('{"action": "heartbeat"}')
    eventually(lambda: client.told)
    client.leave()
    crew.answers["connect"] = {"statusCode": 410}
    _refusal(people, stage)

    eventually(lambda: len(access_log) == 4)
    assert sorted(access_log) == [
        "CONNECT $connect 200",
        "CONNECT $connect 410",
        "DISCONNECT $disconnect 200",
        "MESSAGE heartbeat 200",
    ]


# --- @connections


def test_a_function_can_say_something_to_a_client(stage: Stage, people: Clients):
    client = people.open(stage.url)

    for number in range(3):
        stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b'{"type": "%d"}' % number)

    eventually(lambda: len(client.told) == 3)
    assert client.types() == ["0", "1", "2"]


def test_a_function_can_ask_for_a_connection(stage: Stage, people: Clients):
    people.open(stage.url, {"User-Agent": "tests"})

    answer = stage.client.get_connection(ConnectionId=stage.only_id)

    assert answer["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "tests"}
    assert answer["ConnectedAt"].timestamp() == answer["LastActiveAt"].timestamp() == NOW


def test_a_function_can_close_a_connection_after_its_last_word(stage: Stage, people: Clients, crew: Crew):
    client, connection_id = people.open(stage.url), stage.only_id

    stage.client.post_to_connection(ConnectionId=connection_id, Data=b'{"type": "bye"}')
    stage.client.delete_connection(ConnectionId=connection_id)

    assert _error_code(lambda: stage.client.get_connection(ConnectionId=connection_id))[1] == 410
    eventually(lambda: client.closed_at and crew.events["disconnect"])
    assert (client.types(), client.close_code) == (["bye"], 1000)


def test_a_client_that_does_not_read_is_cut_off(stage: Stage, people: Clients, crew: Crew):
    client = people.open(stage.url)
    client.socket._conn.transport.pause_reading()

    for _ in range(200):
        stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"x" * 100_000)
    stage.client.delete_connection(ConnectionId=stage.only_id)

    assert eventually(lambda: crew.events["disconnect"]) < 5


@pytest.mark.parametrize("operation", ["post_to_connection", "get_connection", "delete_connection"])
def test_a_connection_that_is_gone_is_gone(stage: Stage, people: Clients, operation: str):
    client, connection_id = people.open(stage.url), stage.only_id
    client.leave()
    eventually(lambda: not stage.connections.open)
    more = {"Data": b"x"} if operation == "post_to_connection" else {}

    code = _error_code(lambda: getattr(stage.client, operation)(ConnectionId=connection_id, **more))

    assert code == ("GoneException", 410)


def test_nothing_reaches_a_connection_before_its_connect_has_answered(
    stage: Stage, people: Clients, crew: Crew
):
    codes = []

    def post(function: str) -> None:
        if function == "connect":
            connection_id = crew.events["connect"][0]["requestContext"]["connectionId"]
            codes.append(
                _error_code(lambda: stage.client.post_to_connection(ConnectionId=connection_id, Data=b"x"))
            )

    crew.meanwhile = post
    people.open(stage.url)

    assert codes == [("GoneException", 410)]


def test_an_id_that_is_none_is_a_bad_request(stage: Stage):
    code = _error_code(lambda: stage.client.post_to_connection(ConnectionId="not an id", Data=b"x"))

    assert code == ("BadRequestException", 400)


def test_more_than_128_kb_is_too_large(stage: Stage, people: Clients):
    client = people.open(stage.url)

    def post(size: int) -> object:
        return stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"1" * size)

    assert _error_code(lambda: post(128 * 1024 + 1)) == ("PayloadTooLargeException", 413)
    post(1_000)
    eventually(lambda: client.told)


def test_api_gateway_can_be_too_busy(stage: Stage, people: Clients):
    people.open(stage.url)
    stage.connections.refuse = lambda method, _: 429 if method == "POST" else None

    code = _error_code(lambda: stage.client.post_to_connection(ConnectionId=stage.only_id, Data=b"x"))

    assert code == ("LimitExceededException", 429)
    stage.client.delete_connection(ConnectionId=stage.only_id)


def test_a_web_page_cannot_speak_to_connections(stage: Stage, people: Clients):
    people.open(stage.url)

    answer = requests.post(f"{stage.connections_url}/@connections/{stage.only_id}", data=b"x", timeout=5)

    assert answer.status_code == 403
