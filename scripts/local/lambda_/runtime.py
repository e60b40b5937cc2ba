"""AWS Lambda on this machine: functions run from their zips under AWS's own runtime interface client.

Functions find this machine's AWS by AWS_ENDPOINT_URL. A client that is given an endpoint of its own ignores
that variable, so one value is not as Terraform declares it: where a variable is exactly the endpoint of
@connections, it is replaced by the endpoint on this machine.
"""

import asyncio
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scripts.local.config.functions import Function
from scripts.local.lambda_.execution_environment import ExecutionEnvironment, Sleep
from scripts.local.lambda_.invocation import PAYLOAD_LIMIT_BYTES, Result, Throttled, TooLarge
from scripts.local.lambda_.launch import Launch, check, make_folders

MAX_ENVIRONMENTS = 8
"""Execution environments of one function on this machine. Further invocations wait for one of them."""

_NONE: Mapping[str, str] = MappingProxyType({})


class Lambda:
    """Invokes functions by name. `sleep` measures their time limits; for the other options see Launch."""

    def __init__(
        self,
        work: Path,
        *,
        environment: Mapping[str, str] = _NONE,
        local_values: Mapping[str, str] = _NONE,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        make_folders(work)
        self._launch_options = work, environment, local_values
        self._sleep = sleep
        # Starting more processes at once than there are processors makes every one of them slower.
        self._starts = asyncio.Semaphore(os.cpu_count() or 1)
        self._pools: dict[str, _Pool] = {}

    def add(self, name: str, function: Function, task_root: Path) -> None:
        """Add a function under a name. Raises WrongRuntime."""
        check(function)
        launch = Launch(function, task_root, *self._launch_options)
        self._pools[name] = _Pool(launch, self._starts, self._sleep)

    def __contains__(self, name: str) -> bool:
        return name in self._pools

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        """Invoke a function and wait for its result. Raises Throttled, TooLarge or KeyError."""
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            raise TooLarge
        return await self._pools[function].invoke(payload, trace_id)

    async def stop(self) -> None:
        """Kill every execution environment of every function."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))


class _Pool:
    """The execution environments of one function. The one that was used last is used first, as on Lambda."""

    def __init__(self, launch: Launch, starts: asyncio.Semaphore, sleep: Sleep) -> None:
        self._launch = launch
        self._starts = starts
        self._sleep = sleep
        self._environments: set[ExecutionEnvironment] = set()
        self._idle: list[ExecutionEnvironment] = []
        self._waiting: deque[asyncio.Future[ExecutionEnvironment | Result]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._invocations = 0

    async def invoke(self, payload: bytes, trace_id: str) -> Result:
        reserved = self._launch.function.reserved_concurrency
        if reserved is not None and self._invocations >= reserved:
            raise Throttled
        self._invocations += 1
        try:
            environment = self._idle.pop() if self._idle else await self._next_environment()
            if isinstance(environment, Result):  # it failed to start
                return environment
            return await environment.invoke(payload, trace_id)
        finally:
            self._invocations -= 1

    async def stop(self) -> None:
        while self._waiting:  # else the end of an environment would start the next one
            self._waiting.popleft().cancel()
        for start in self._starting:
            start.cancel()
        await asyncio.gather(*(environment.kill() for environment in list(self._environments)))

    def _next_environment(self) -> "asyncio.Future[ExecutionEnvironment | Result]":
        waiting: asyncio.Future[ExecutionEnvironment | Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._start_environments()
        return waiting

    def _start_environments(self) -> None:
        room = MAX_ENVIRONMENTS - len(self._environments)
        while len(self._starting) < min(len(self._waiting), room):
            start = asyncio.create_task(self._start_environment())
            self._starting.add(start)
            start.add_done_callback(self._forget_start)

    def _forget_start(self, start: asyncio.Task[None]) -> None:
        self._starting.discard(start)
        if not start.cancelled():
            start.result()  # a start that raised would raise again
            self._start_environments()  # invocations that came meanwhile may wait for one more

    async def _start_environment(self) -> None:
        async with self._starts:
            if not self._waiting:  # an idle environment has served them in the meantime
                return
            environment = ExecutionEnvironment(
                self._launch, self._sleep, on_idle=self._use, on_exit=self._forget
            )
            self._environments.add(environment)
            failure = await environment.start()
        if failure:
            self._assign(failure)

    def _use(self, environment: ExecutionEnvironment) -> None:
        if not self._assign(environment):
            self._idle.append(environment)

    def _forget(self, environment: ExecutionEnvironment) -> None:
        self._environments.discard(environment)
        if environment in self._idle:
            self._idle.remove(environment)
        self._start_environments()

    def _assign(self, environment: ExecutionEnvironment | Result) -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(environment)
                return True
        return False
