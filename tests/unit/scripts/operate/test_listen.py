"""`make listen`: what it prints, when it fails too."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scripts import local_system
from scripts.local.event_loop import EventLoop
from scripts.local.servers import Server, listening
from scripts.local_system import RunningSystem
from scripts.operate import listen

SESSION = "blessed-shepherd-427"
UPDATED = {"type": "sessionUpdated", "sessionId": SESSION, "status": "paused"}
ENDED = {"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"}


class Service(Server):
    """A stand-in for both APIs: one session, and a handshake that is refused or followed by messages."""

    def __init__(self) -> None:
        self.session: dict[str, Any] | None = {"sessionId": SESSION, "status": "active"}
        self.refusal: int | None = None
        self.messages: list[dict[str, Any]] = [UPDATED, ENDED]
        self.query: dict[str, str] = {}
        self.received: list[str] = []
        self.waits_for_heartbeat = False

    def runner(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/sessions/{id}", self._get)
        app.router.add_get("/ws", self._connect)
        return web.AppRunner(app, shutdown_timeout=0.1)

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.session, status=200 if self.session else 404)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self.query = dict(request.query)
        if self.refusal:
            return web.Response(status=self.refusal)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.waits_for_heartbeat:
            self.received.append(await socket.receive_str())
        for message in self.messages:
            await socket.send_json(message)
        await socket.close()
        return socket


@pytest.fixture
def service() -> Service:
    return Service()


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command where the service runs; return its exit code, output and errors."""
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(EventLoop())
        url = stack.enter_context(listening(loop, service))
        stack.enter_context(local_system.claim(tmp_path))
        websocket_url = url.replace("http", "ws", 1) + "/ws"
        local_system.publish(tmp_path, RunningSystem(1, url, url, websocket_url=websocket_url, ready=True))

        def call(*arguments: str) -> tuple[int, str, str]:
            code = listen.main([*arguments, "--work", str(tmp_path)])
            output = capsys.readouterr()
            return code, output.out, output.err

        yield call


def test_what_a_listener_receives_is_printed_until_the_end(run: Run, service: Service):
    code, out, err = run(SESSION, "es")

    printed = [json.loads(line.partition("  ")[2]) for line in out.splitlines()[1:]]
    assert (code, printed, err) == (0, [UPDATED, ENDED], "")
    assert service.query == {"sessionId": SESSION, "targetLanguage": "es"}


def test_a_speaker_gives_a_token_and_no_language(run: Run, service: Service):
    code, _, _ = run(SESSION, "--token", "abc")

    assert code == 0
    assert service.query == {"sessionId": SESSION, "token": "abc"}


def test_heartbeats_keep_the_connection(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listen, "HEARTBEAT_SECONDS", 0.05)
    service.waits_for_heartbeat = True

    run(SESSION, "es")

    assert service.received == ['{"action": "heartbeat"}']


@pytest.mark.parametrize(
    ("session", "message"),
    [(None, f"There is no session {SESSION}"), ({"status": "ended"}, f"{SESSION} has ended")],
)
def test_a_session_that_has_ended_or_does_not_exist_is_reported(
    run: Run, service: Service, session: Any, message: str
):
    service.session = session

    code, out, err = run(SESSION, "es")

    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "language"),
        (401, "token"),
        (404, "no session"),
        (410, "has ended"),
        (429, "Too many"),
        (503, "full"),
        (502, "502"),
    ],
)
def test_a_refused_handshake_is_explained(run: Run, service: Service, status: int, message: str):
    service.refusal = status

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert message in err


def test_a_closed_connection_is_not_the_end_of_the_session(run: Run, service: Service):
    service.messages = [UPDATED]

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert "the session has not ended" in err


def test_without_a_running_system_it_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code = listen.main([SESSION, "es", "--work", str(tmp_path)])

    assert code == 1
    assert "make run" in capsys.readouterr().err


def test_a_service_that_does_not_answer_is_reported(capsys: pytest.CaptureFixture[str]):
    nowhere = ["--url", "http://127.0.0.1:9", "--websocket-url", "ws://127.0.0.1:9/ws"]

    code = listen.main([SESSION, "es", *nowhere])

    assert code == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[SESSION], [SESSION, "es", "--url", "https://api.example"]])
def test_incomplete_arguments_are_refused(arguments: list[str]):
    with pytest.raises(SystemExit) as refused:
        listen.main(arguments)

    assert refused.value.code == 2
