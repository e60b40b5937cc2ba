"""Lambda's Runtime API: the HTTP server from which a function's process gets events and returns results.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from scripts.local.lambda_.invocation import PAYLOAD_LIMIT_BYTES, Result
from scripts.local.lambda_.launch import Launch
from scripts.local.servers import SHUTDOWN_SECONDS, Server

_VERSION = "/2018-06-01/runtime"


@dataclass
class Invocation:
    """One event for the function, and the result once there is one."""

    payload: bytes
    trace_id: str
    deadline_ms: int
    result: asyncio.Future[Result]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class RuntimeApi(Server):
    """The Runtime API of one process. `on_idle` is called whenever the process asks for an event."""

    def __init__(self, launch: Launch, on_idle: Callable[[], object]) -> None:
        self.initialized: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        """Done when the process asks for its first event (None), or when it failed before (a Result)."""
        self._launch = launch
        self._on_idle = on_idle
        self._next: asyncio.Queue[Invocation | None] = asyncio.Queue()
        self._current: Invocation | None = None

    def runner(self) -> web.AppRunner:
        """Serve the four operations of the API."""
        app = web.Application(client_max_size=PAYLOAD_LIMIT_BYTES)
        app.router.add_get(f"{_VERSION}/invocation/next", self._next_event)
        app.router.add_post(f"{_VERSION}/invocation/{{id}}/response", self._response)
        app.router.add_post(f"{_VERSION}/invocation/{{id}}/error", self._error)
        app.router.add_post(f"{_VERSION}/init/error", self._init_error)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    def offer(self, invocation: Invocation) -> None:
        """Give the process its next event."""
        self._current = invocation
        self._next.put_nowait(invocation)

    async def end(self, result: Result) -> None:
        """Stop serving because the process has ended. What is not done yet gets this result."""
        if not self.initialized.done():
            self.initialized.set_result(result)
        self._settle(result)
        self._next.put_nowait(None)
        await self.stop()

    def _settle(self, result: Result) -> None:
        if self._current and not self._current.result.done():
            self._current.result.set_result(result)
        self._current = None

    async def _next_event(self, _: web.Request) -> web.Response:
        if not self.initialized.done():
            self.initialized.set_result(None)
        self._on_idle()
        invocation = await self._next.get()
        if invocation is None:
            return web.Response(status=410)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._launch.function.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        }
        return web.Response(body=invocation.payload, content_type="application/json", headers=headers)

    async def _response(self, request: web.Request) -> web.Response:
        try:
            self._settle(Result(await request.read()))
        except web.HTTPRequestEntityTooLarge:
            message = "The response is larger than 6 MB"
            self._settle(self._launch.failure("Function.ResponseSizeTooLarge", message))
            return web.Response(status=413)
        return web.Response(status=202)

    async def _error(self, request: web.Request) -> web.Response:
        self._settle(await _reported_error(request))
        return web.Response(status=202)

    async def _init_error(self, request: web.Request) -> web.Response:
        self.initialized.set_result(await _reported_error(request))
        return web.Response(status=202)


async def _reported_error(request: web.Request) -> Result:
    error_type = request.headers.get("Lambda-Runtime-Function-Error-Type", "Unhandled")
    return Result(await request.read(), error_type)
