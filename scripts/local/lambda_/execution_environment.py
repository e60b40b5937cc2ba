"""Lambda's execution environment: one process of a function, which handles one event after the other.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

from scripts.local.lambda_.invocation import Result
from scripts.local.lambda_.launch import Launch
from scripts.local.lambda_.runtime_api import Invocation, RuntimeApi

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
INIT_SECONDS = 10.0

Sleep = Callable[[float], Awaitable[object]]


class ExecutionEnvironment:
    """A process and its Runtime API.

    `on_idle` is called whenever the process waits for an event, `on_exit` when it has ended. `sleep` measures
    the time limits.
    """

    def __init__(
        self,
        launch: Launch,
        sleep: Sleep,
        *,
        on_idle: Callable[["ExecutionEnvironment"], object],
        on_exit: Callable[["ExecutionEnvironment"], object],
    ) -> None:
        self._launch = launch
        self._sleep = sleep
        self._on_exit = on_exit
        self._api = RuntimeApi(launch, lambda: on_idle(self))
        self._process: asyncio.subprocess.Process | None = None
        self._exit: asyncio.Task[None] | None = None

    async def start(self) -> Result | None:
        """Start the process and wait until it asks for its first event. Return the failure if it does not."""
        port = await self._api.start()
        self._process = await self._launch.process(f"127.0.0.1:{port}")
        self._exit = asyncio.create_task(self._wait_for_exit(self._process))
        if await self._within(INIT_SECONDS, self._api.initialized):
            return self._api.initialized.result()
        await self.kill()
        message = f"The function was not ready after {INIT_SECONDS:.0f} seconds"
        return self._launch.failure("Sandbox.Timedout", message)

    async def invoke(self, payload: bytes, trace_id: str) -> Result:
        """Invoke the function. If it exceeds its timeout, kill the process and return a failure."""
        timeout = self._launch.function.timeout
        deadline_ms = int((time.time() + timeout) * 1_000)
        invocation = Invocation(payload, trace_id, deadline_ms, asyncio.get_running_loop().create_future())
        self._api.offer(invocation)
        if await self._within(timeout, invocation.result):
            return invocation.result.result()
        await self.kill()
        message = f"{invocation.id} Task timed out after {timeout:.2f} seconds"
        return self._launch.failure("Sandbox.Timedout", message)

    async def kill(self) -> None:
        """Kill the process and all that it started, and wait for its end."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._exit:
            await asyncio.shield(self._exit)

    async def _within(self, seconds: float, result: "asyncio.Future[Any]") -> bool:
        """Wait for the result, and return whether it came in time."""
        limit = asyncio.ensure_future(self._sleep(seconds))
        try:
            await asyncio.wait({result, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
        return result.done()

    async def _wait_for_exit(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._on_exit(self)
        await self._api.end(self._launch.failure("Runtime.ExitError", f"Runtime exited with status {status}"))
