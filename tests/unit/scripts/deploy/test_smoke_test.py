"""The smoke test reports a service that does not work, and retries what fails on an API that is new."""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from scripts import environments
from scripts.deploy import api_client, smoke_test
from scripts.errors import StepFailed
from scripts.local.event_loop import EventLoop
from scripts.local.servers import Server, listening
from scripts.project import ROOT

RELEASE = "1.0.0"
SESSION = "brave-harbor-427"
TOKEN = "a token"


def response(status_code: int, /, **body: Any) -> web.Response:
    return web.json_response(body, status=status_code)


def gateway_error(status: int) -> web.Response:
    """An error of API Gateway itself has no `code`."""
    return response(status, message="Not Found")


def service_error(status: int, code: str) -> web.Response:
    return response(status, error="a sentence", code=code)


@dataclass
class FakeService(Server):
    """One session. Each failure in `failures` is the response to one request of that route, or handshake."""

    failures: dict[str, list[web.Response]] = field(default_factory=lambda: defaultdict(list))
    missed_changes: int = 0
    notifies_of_the_end: bool = True
    closes: bool = True
    status: str = ""
    requests: list[str] = field(default_factory=list)
    sockets: list[web.WebSocketResponse] = field(default_factory=list)

    def runner(self) -> web.BaseRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        return web.AppRunner(app, shutdown_timeout=0.1)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        route = "$connect" if request.path == "/ws" else f"{request.method} {request.path}"
        self.requests.append(route)
        if self.failures[route]:
            return self.failures[route].pop(0)
        if route == "$connect":
            return await self._connect(request)
        signed_in = request.headers.get("Authorization") == f"Bearer {TOKEN}"
        match route:
            case "GET /health":
                return response(200, version=RELEASE)
            case "POST /sessions" if signed_in:
                self.status = "active"
                return response(201, sessionId=SESSION)
            case "POST /sessions":
                return response(401, message="Unauthorized")
            case "PATCH /sessions/brave-harbor-427" if signed_in:
                self.status = (await request.json())["status"]
                self.missed_changes -= 1
                if self.missed_changes < 0:
                    await self._send(type="sessionUpdated", status=self.status)
                return response(200)
            case "DELETE /sessions/brave-harbor-427" if signed_in:
                self.status = "ended"
                if self.notifies_of_the_end:
                    await self._send(type="sessionEnded", reason="ended")
                if self.closes:
                    while self.sockets:
                        await self.sockets.pop().close()
                return web.Response(status=204)
            case "GET /sessions/brave-harbor-427":
                return response(200, sessionId=SESSION, status=self.status)
            case _:
                return service_error(404, "SESSION_NOT_FOUND")

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("token", TOKEN) != TOKEN:
            return response(401, message="Unauthorized")
        if request.query["sessionId"] != SESSION:
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.sockets.append(socket)
        async for _ in socket:
            pass
        return socket

    async def _send(self, **message: Any) -> None:
        for socket in self.sockets:
            await socket.send_str(json.dumps(message))


class FakeCognito:
    """A user pool that signs every user in."""

    def __init__(self) -> None:
        self.users: set[str] = set()

    def admin_create_user(self, *, Username: str, **_: Any) -> None:  # noqa: N803 - as boto3 does
        self.users.add(Username)

    def admin_set_user_password(self, **_: Any) -> None:
        pass

    def admin_initiate_auth(self, **_: Any) -> dict[str, Any]:
        return {"AuthenticationResult": {"AccessToken": TOKEN}}

    def admin_delete_user(self, *, Username: str, **_: Any) -> None:  # noqa: N803 - as boto3 does
        self.users.remove(Username)


class Environment(environments.Environment):
    cognito = FakeCognito()

    def __init__(self) -> None:
        super().__init__("dev", ROOT)

    def client(self, service: str) -> Any:
        assert service == "cognito-idp"
        return self.cognito


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch, socket_enabled: None) -> None:
    monkeypatch.setattr(api_client, "RETRY_INTERVAL_SECONDS", 0)


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def outputs(service: FakeService) -> Iterator[dict[str, Any]]:
    with EventLoop() as loop, listening(loop, service) as url:
        yield {
            "http_api_endpoint": url,
            "websocket_url": f"{url.replace('http', 'ws')}/ws",
            "user_pool_id": "pool",
            "user_pool_client_id": "client",
        }


def run(outputs: dict[str, Any]) -> None:
    smoke_test.run(Environment(), outputs, RELEASE)


def test_a_listener_is_notified_of_a_pause_and_of_the_end(service: FakeService, outputs: dict[str, Any]):
    run(outputs)

    assert service.requests.count("$connect") == 4
    assert service.requests.count(f"PATCH /sessions/{SESSION}") == 1
    assert Environment.cognito.users == set()


@pytest.mark.parametrize(
    ("route", "status"),
    [
        ("GET /health", 404),
        ("GET /health", 403),
        ("POST /sessions", 500),
        (f"GET /sessions/{smoke_test.UNKNOWN_SESSION}", 404),
        (f"PATCH /sessions/{SESSION}", 503),
        (f"DELETE /sessions/{SESSION}", 502),
        ("$connect", 403),
        ("$connect", 500),
    ],
)
def test_a_failure_of_api_gateway_itself_is_retried(
    service: FakeService, outputs: dict[str, Any], capsys: pytest.CaptureFixture[str], route: str, status: int
):
    service.failures[route] = [gateway_error(status), gateway_error(status)]

    run(outputs)

    (reported,) = capsys.readouterr().err.splitlines()
    assert f"responded {status}" in reported
    assert reported.endswith("Retrying for at most 60 s")


def test_a_service_that_asks_for_a_retry_is_retried(service: FakeService, outputs: dict[str, Any]):
    error = service_error(503, "SERVICE_UNAVAILABLE")
    error.headers["Retry-After"] = "0"
    service.failures["POST /sessions"] = [error]

    run(outputs)


def test_an_error_of_the_service_is_not_retried(service: FakeService, outputs: dict[str, Any]):
    service.failures[f"PATCH /sessions/{SESSION}"] = [service_error(500, "INTERNAL_ERROR")]

    with pytest.raises(StepFailed, match=rf"PATCH /sessions/{SESSION} responded 500, not 200"):
        run(outputs)

    assert service.requests[-1] == f"DELETE /sessions/{SESSION}"
    assert Environment.cognito.users == set()


def test_retries_are_bounded(outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(api_client, "RETRY_SECONDS", 0)
    outputs["http_api_endpoint"] = "http://127.0.0.1:9"  # nothing listens there

    with pytest.raises(StepFailed, match="GET /health failed: Cannot connect"):
        run(outputs)


def test_a_change_that_the_stream_misses_is_made_again(
    service: FakeService, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(smoke_test, "ATTEMPT_SECONDS", 0.2)
    service.missed_changes = 2

    run(outputs)

    assert service.requests.count(f"PATCH /sessions/{SESSION}") >= 3


def test_a_listener_that_is_never_notified_is_a_failure(
    service: FakeService, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(smoke_test, "ATTEMPT_SECONDS", 0.01)
    monkeypatch.setattr(smoke_test, "STREAM_SECONDS", 0)
    service.missed_changes = 1_000

    with pytest.raises(StepFailed, match="A listener received no sessionUpdated"):
        run(outputs)


def test_an_end_of_which_clients_are_not_notified_is_a_failure(service: FakeService, outputs: dict[str, Any]):
    service.notifies_of_the_end = False

    with pytest.raises(StepFailed, match="The service closed a WebSocket"):
        run(outputs)


def test_a_connection_that_stays_open_after_the_end_is_a_failure(
    service: FakeService, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(smoke_test, "CLOSE_SECONDS", 0.1)
    service.closes = False

    with pytest.raises(StepFailed, match="did not close a WebSocket"):
        run(outputs)


def test_a_handshake_that_should_be_refused_is_a_failure(
    service: FakeService, outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(smoke_test, "UNKNOWN_SESSION", SESSION)
    service.failures[f"GET /sessions/{SESSION}"] = [service_error(404, "SESSION_NOT_FOUND")]

    with pytest.raises(StepFailed, match="A handshake responded 101, not 404"):
        run(outputs)


def test_another_release_is_a_failure(outputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(smoke_test, "ALIAS_SECONDS", 0)

    with pytest.raises(StepFailed, match=r"dev runs 1\.0\.0 after 1\.1\.0 was deployed"):
        smoke_test.run(Environment(), outputs, "1.1.0")
