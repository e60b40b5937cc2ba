"""A stand-in for both APIs, with one session, for commands that connect to it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

from scripts import local_system
from scripts.local.event_loop import EventLoop
from scripts.local.servers import Server, listening
from scripts.local_system import RunningSystem

SESSION = "blessed-shepherd-427"

Json = dict[str, Any]


class SessionService(Server):
    """Sends `messages` after the handshake, then `answer` to each message; then the connection ends.

    `refusal` is the status of a handshake that is refused. `answer` returns the messages that follow one of
    the client; None closes the connection. Without it, the connection ends after `messages`.
    """

    def __init__(self) -> None:
        self.session: Json | None = {"sessionId": SESSION, "status": "active"}
        self.refusal: int | None = None
        self.messages: list[Json] = []
        self.answer: Callable[[Json], list[Json] | None] | None = None
        self.query: dict[str, str] = {}
        self.received: list[Json] = []

    def runner(self) -> web.AppRunner:
        """Serve both APIs."""
        app = web.Application()
        app.router.add_get("/sessions/{id}", self._get)
        app.router.add_get("/ws", self._connect)
        return web.AppRunner(app, shutdown_timeout=0.1)

    async def _get(self, _: web.Request) -> web.Response:
        return web.json_response(self.session, status=200 if self.session else 404)

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        self.query = dict(request.query)
        if self.refusal:
            return web.Response(status=self.refusal)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for message in self.messages:
            await socket.send_json(message)
        while self.answer and (received := await socket.receive()).type is WSMsgType.TEXT:
            self.received.append(received.json())
            answers = self.answer(received.json())
            if answers is None:
                break
            for message in answers:
                await socket.send_json(message)
        await socket.close()
        return socket


@contextlib.contextmanager
def serving(service: SessionService, work: Path) -> Iterator[None]:
    """Serve it while the context lasts, as the local system of a work folder."""
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(listening(stack.enter_context(EventLoop()), service))
        stack.enter_context(local_system.claim(work))
        websocket_url = url.replace("http", "ws", 1) + "/ws"
        local_system.publish(work, RunningSystem(1, url, url, websocket_url=websocket_url, ready=True))
        yield
