"""`make listen`: what it prints, and what it says when there is nothing to hear."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scripts import local_system
from scripts.local import listen, system
from scripts.local_system import RunningSystem

SESSION = "blessed-shepherd-427"
UPDATED = {"type": "sessionUpdated", "sessionId": SESSION, "status": "paused"}
ENDED = {"type": "sessionEnded", "sessionId": SESSION, "reason": "ended"}


class Service:
    """Stands for both APIs: a session with a status, and a handshake that is refused or hears something."""

    def __init__(self) -> None:
        self.session: dict[str, Any] | None = {"sessionId": SESSION, "status": "active"}
        self.refuses: int | None = None
        self.says: list[dict[str, Any]] = [UPDATED, ENDED]
        self.asked: dict[str, str] = {}
        self.heard: list[str] = []
        self.waits_for_heartbeat = False
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0) -> int:
        app = web.Application()
        app.router.add_get("/sessions/{id}", self._get)
        app.router.add_get("/ws", self._connect)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _get(self, request: web.Request) -> web.Response:
        return web.json_response(self.session, status=200 if self.session else 404)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self.asked = dict(request.query)
        if self.refuses:
            return web.Response(status=self.refuses)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.waits_for_heartbeat:
            self.heard.append(await socket.receive_str())
        for message in self.says:
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
        loop = stack.enter_context(system.event_loop())
        url = stack.enter_context(system.listening(loop, service, 0))
        stack.enter_context(local_system.claim(tmp_path))
        websocket_url = url.replace("http", "ws", 1) + "/ws"
        local_system.publish(tmp_path, RunningSystem(1, url, url, websocket_url=websocket_url, ready=True))

        def call(*arguments: str) -> tuple[int, str, str]:
            code = listen.main([*arguments, "--work", str(tmp_path)])
            said = capsys.readouterr()
            return code, said.out, said.err

        yield call


def test_what_a_listener_receives_is_printed_until_the_end(run: Run, service: Service):
    code, out, err = run(SESSION, "es")

    printed = [json.loads(line.partition("  ")[2]) for line in out.splitlines()[1:]]
    assert (code, printed, err) == (0, [UPDATED, ENDED], "")
    assert service.asked == {"sessionId": SESSION, "targetLanguage": "es"}


def test_a_speaker_gives_a_token_and_no_language(run: Run, service: Service):
    code, _, _ = run(SESSION, "--token", "abc")

    assert code == 0
    assert service.asked == {"sessionId": SESSION, "token": "abc"}


def test_heartbeats_keep_the_connection(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(listen, "HEARTBEAT_SECONDS", 0.05)
    service.waits_for_heartbeat = True

    run(SESSION, "es")

    assert service.heard == ['{"action": "heartbeat"}']


@pytest.mark.parametrize(
    ("session", "says"),
    [(None, f"There is no session {SESSION}"), ({"status": "ended"}, f"{SESSION} has ended")],
)
def test_the_session_says_why_there_is_nothing_to_hear(run: Run, service: Service, session: Any, says: str):
    service.session = session

    code, out, err = run(SESSION, "es")

    assert (code, out) == (1, "")
    assert says in err


@pytest.mark.parametrize(
    ("status", "says"),
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
def test_a_refused_handshake_is_explained(run: Run, service: Service, status: int, says: str):
    service.refuses = status

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert says in err


def test_a_connection_that_is_cut_is_no_end(run: Run, service: Service):
    service.says = [UPDATED]

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert "the session goes on" in err


def test_nothing_is_heard_where_nothing_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    code = listen.main([SESSION, "es", "--work", str(tmp_path)])

    assert code == 1
    assert "make run" in capsys.readouterr().err


def test_a_service_that_does_not_answer_is_said(capsys: pytest.CaptureFixture[str]):
    nowhere = ["--url", "http://127.0.0.1:9", "--websocket-url", "ws://127.0.0.1:9/ws"]

    code = listen.main([SESSION, "es", *nowhere])

    assert code == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[SESSION], [SESSION, "es", "--url", "https://api.example"]])
def test_half_of_what_is_needed_is_refused(arguments: list[str]):
    with pytest.raises(SystemExit) as refused:
        listen.main(arguments)

    assert refused.value.code == 2
