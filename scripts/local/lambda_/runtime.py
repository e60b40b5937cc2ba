"""AWS Lambda on this machine: functions run from their zips under AWS's own runtime interface client.

Each copy of a function is one process. It asks its Runtime API for the next event, answers, and is kept warm.
Functions find this machine's AWS by AWS_ENDPOINT_URL. A client that is given an endpoint of its own takes no
notice of that, so one thing is not as Terraform declared it: a variable whose value is exactly the endpoint
of the WebSocket API's open connections. It says where they are on this machine.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import asyncio
import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
import zipfile
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import web

from scripts.local.processes import die_with_parent

if TYPE_CHECKING:
    from scripts.local.config.functions import Function

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
INIT_SECONDS = 10.0
PAYLOAD_LIMIT_BYTES = 6 * 1024 * 1024

MOST_COPIES = 8
"""Copies of one function that this machine carries; more invocations wait for one of them."""

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""The one runtime there is here, by its name on Lambda."""

_RUNTIME_PACKAGES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


@dataclass(frozen=True)
class Result:
    """What an invocation gave: the function's JSON, the type of the error when it failed, and the version."""

    payload: bytes
    error: str | None = None
    version: str = "$LATEST"


class Throttled(Exception):
    """The function runs as many times at once as its reserved concurrency allows."""


class TooLarge(Exception):
    """The event is larger than Lambda takes."""


class WrongRuntime(Exception):
    """A function is for another Python than the one that runs here."""


class Lambda:
    """Invokes functions by name.

    `task_roots` gives each function the folder that its zip was unpacked into. `environment` is what every
    function gets beside what Terraform declared and Lambda sets; `moved` are values that Terraform declared,
    and what they are here. Logs go to `work`/logs/<function>.log.
    """

    def __init__(
        self,
        functions: Mapping[str, "Function"],
        task_roots: Mapping[str, Path],
        *,
        environment: Mapping[str, str],
        work: Path,
        moved: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._work = work = work.resolve()
        # A machine with two cores starts a crowd of Pythons slower than it serves from the first two.
        self._starts = asyncio.Semaphore(os.cpu_count() or 1)
        self._environment = environment
        self._moved = moved
        self._pools = {
            name: _Pool(_Launch(function, task_roots[name], environment, moved, work), self._starts)
            for name, function in functions.items()
        }

    async def start(self) -> None:
        """Make everything ready; functions themselves start when they are invoked. Raises WrongRuntime."""
        for pool in self._pools.values():
            pool.launch.check()
        (self._work / "logs").mkdir(parents=True, exist_ok=True)
        _link_runtime(self._work / "runtime")

    def add(self, name: str, function: "Function", task_root: Path) -> None:
        """Have one more function, known by `name`, as a version is. Raises WrongRuntime."""
        launch = _Launch(function, task_root, self._environment, self._moved, self._work)
        launch.check()
        self._pools[name] = _Pool(launch, self._starts)

    def __contains__(self, name: str) -> bool:
        return name in self._pools

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        """Run a function to its end. Raises Throttled, TooLarge, or KeyError for an unknown name."""
        if len(payload) > PAYLOAD_LIMIT_BYTES:
            raise TooLarge
        return await self._pools[function].invoke(payload, trace_id)

    async def stop(self) -> None:
        """End every copy of every function."""
        await asyncio.gather(*(pool.stop() for pool in self._pools.values()))


def unpack(code: bytes, into: Path) -> Path:
    """Unpack a zip into a folder named by its digest, once, read-only, and return it."""
    task_root = into / hashlib.sha256(code).hexdigest()
    if task_root.is_dir():
        return task_root
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into) as half_done:
        with zipfile.ZipFile(io.BytesIO(code)) as zipped:
            zipped.extractall(half_done)
        for path in Path(half_done).rglob("*"):
            if path.is_file():
                path.chmod(0o444)
        shutil.copytree(half_done, f"{half_done}.whole")
    Path(f"{half_done}.whole").rename(task_root)
    return task_root


def _link_runtime(folder: Path) -> None:
    # As on Lambda, a function finds its zip and the runtime's folder, nothing else that is installed here.
    # Lambda's folder holds a boto3 too; zips that bring their own do not see the difference.
    folder.mkdir(parents=True, exist_ok=True)
    for name in _RUNTIME_PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed: make run installs it")
        source = Path(spec.origin)
        source = source.parent if spec.submodule_search_locations else source
        link = folder / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source)


@dataclass(frozen=True)
class _Launch:
    """How a copy of one function is started."""

    function: "Function"
    task_root: Path
    environment: Mapping[str, str]
    moved: Mapping[str, str]
    work: Path

    def check(self) -> None:
        if self.function.runtime != PYTHON:
            raise WrongRuntime(
                f"{self.function.name} is built for {self.function.runtime}; {PYTHON} runs here."
            )

    async def process(self, runtime_api: str) -> asyncio.subprocess.Process:
        with (self.work / "logs" / f"{self.function.name}.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                # -S: no site-packages. -B: the task root is read-only.
                *(sys.executable, "-S", "-B", "-m", "awslambdaric", self.function.handler),
                cwd=self.task_root,
                env=self._variables(runtime_api),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def _variables(self, runtime_api: str) -> dict[str, str]:
        """Return the whole environment of the process; nothing comes from the developer's own.

        https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        """
        function = self.function
        region = function.arn.split(":")[3]
        return {
            **{name: self.moved.get(value, value) for name, value in function.environment.items()},
            **self.environment,
            "AWS_ACCESS_KEY_ID": function.name,  # whose role it is: see scripts.local.aws.permissions
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": function.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
            "AWS_LAMBDA_LOG_LEVEL": function.log_level,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}",
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_REGION": region,
            "LAMBDA_RUNTIME_DIR": str(self.work / "runtime"),
            "LAMBDA_TASK_ROOT": str(self.task_root),
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(self.work / "runtime"),
            "TZ": ":UTC",
            "_HANDLER": function.handler,
        }


class _Pool:
    """The copies of one function. The warm one that was used last is used first, as on Lambda."""

    def __init__(self, launch: _Launch, starts: asyncio.Semaphore) -> None:
        self.launch = launch
        self._starts = starts
        self._copies: set[_Copy] = set()
        self._warm: list[_Copy] = []
        self._waiting: deque[asyncio.Future[_Copy | Result]] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._running = 0

    async def invoke(self, payload: bytes, trace_id: str) -> Result:
        reserved = self.launch.function.reserved_concurrency
        if reserved is not None and self._running >= reserved:
            raise Throttled
        self._running += 1
        try:
            taken = self._warm.pop() if self._warm else await self._wait()
            return taken if isinstance(taken, Result) else await taken.invoke(payload, trace_id)
        finally:
            self._running -= 1

    async def stop(self) -> None:
        for start in self._starting:
            start.cancel()
        await asyncio.gather(*(copy.kill() for copy in list(self._copies)))

    def _wait(self) -> "asyncio.Future[_Copy | Result]":
        waiting: asyncio.Future[_Copy | Result] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._start_copies()
        return waiting

    def _start_copies(self) -> None:
        while (
            len(self._starting) < len(self._waiting) and len(self._copies) + len(self._starting) < MOST_COPIES
        ):
            start = asyncio.create_task(self._start_copy())
            self._starting.add(start)
            start.add_done_callback(self._starting.discard)

    async def _start_copy(self) -> None:
        async with self._starts:
            if not self._waiting:  # a warm copy served them in the meantime
                return
            copy = _Copy(self.launch, ready=self._ready, gone=self._gone)
            self._copies.add(copy)
            failed = await copy.start()
        if failed:
            self._hand(failed)

    def _ready(self, copy: "_Copy") -> None:
        if not self._hand(copy):
            self._warm.append(copy)

    def _gone(self, copy: "_Copy") -> None:
        self._copies.discard(copy)
        if copy in self._warm:
            self._warm.remove(copy)
        self._start_copies()

    def _hand(self, given: "_Copy | Result") -> bool:
        while self._waiting:
            waiting = self._waiting.popleft()
            if not waiting.done():
                waiting.set_result(given)
                return True
        return False


@dataclass
class _Invocation:
    id: str
    payload: bytes
    trace_id: str
    deadline_ms: int
    result: asyncio.Future[Result]


class _Copy:
    """One process of a function, and the Runtime API that it alone speaks to."""

    def __init__(
        self, launch: _Launch, *, ready: Callable[["_Copy"], None], gone: Callable[["_Copy"], None]
    ) -> None:
        self._launch = launch
        self._ready = ready
        self._gone = gone
        self._next: asyncio.Queue[_Invocation | None] = asyncio.Queue()
        self._current: _Invocation | None = None
        self._started: asyncio.Future[Result | None] = asyncio.get_running_loop().create_future()
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> Result | None:
        """Start the process and wait until it asks for work; return the failure when it never does."""
        api = web.AppRunner(self._runtime_api(), access_log=None, shutdown_timeout=0.1)
        await api.setup()
        await web.TCPSite(api, "127.0.0.1", 0).start()
        self._process = await self._launch.process("127.0.0.1:{1}".format(*api.addresses[0]))
        self._watch = asyncio.create_task(self._clean_up_after(self._process, api))
        try:
            return await asyncio.wait_for(self._started, INIT_SECONDS)
        except TimeoutError:
            await self.kill()
            return self._failure(
                "Sandbox.Timedout", f"The function was not ready after {INIT_SECONDS:.0f} seconds"
            )

    async def invoke(self, payload: bytes, trace_id: str) -> Result:
        timeout = self._launch.function.timeout
        invocation = _Invocation(
            id=str(uuid.uuid4()),
            payload=payload,
            trace_id=trace_id,
            deadline_ms=int((time.time() + timeout) * 1_000),
            result=asyncio.get_running_loop().create_future(),
        )
        self._current = invocation
        self._next.put_nowait(invocation)
        try:
            return await asyncio.wait_for(asyncio.shield(invocation.result), timeout)
        except TimeoutError:
            self._current = None
            await self.kill()
            return self._failure(
                "Sandbox.Timedout", f"{invocation.id} Task timed out after {timeout:.2f} seconds"
            )

    async def kill(self) -> None:
        """End the process and all that it started."""
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._watch:
            await asyncio.shield(self._watch)

    async def _clean_up_after(self, process: asyncio.subprocess.Process, api: web.AppRunner) -> None:
        status = await process.wait()
        self._gone(self)
        exited = self._failure("Runtime.ExitError", f"Runtime exited with status {status}")
        if not self._started.done():
            self._started.set_result(exited)
        self._settle(exited)
        self._next.put_nowait(None)
        await api.cleanup()

    def _settle(self, result: Result) -> None:
        if self._current and not self._current.result.done():
            self._current.result.set_result(result)
        self._current = None

    def _failure(self, error_type: str, message: str) -> Result:
        line = {
            "time": datetime.now(UTC).isoformat(),
            "level": "ERROR",
            "errorType": error_type,
            "message": message,
        }
        function = self._launch.function.name
        with (self._launch.work / "logs" / f"{function}.log").open("a") as log:
            log.write(json.dumps(line) + "\n")
        payload = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
        return Result(payload, error_type)

    def _runtime_api(self) -> web.Application:
        api = web.Application(client_max_size=PAYLOAD_LIMIT_BYTES)
        version = "/2018-06-01/runtime"
        api.router.add_get(f"{version}/invocation/next", self._on_next)
        api.router.add_post(f"{version}/invocation/{{id}}/response", self._on_response)
        api.router.add_post(f"{version}/invocation/{{id}}/error", self._on_error)
        api.router.add_post(f"{version}/init/error", self._on_init_error)
        return api

    async def _on_next(self, _: web.Request) -> web.Response:
        if not self._started.done():
            self._started.set_result(None)
        self._ready(self)
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

    async def _on_response(self, request: web.Request) -> web.Response:
        try:
            self._settle(Result(await request.read()))
        except web.HTTPRequestEntityTooLarge:
            self._settle(self._failure("Function.ResponseSizeTooLarge", "The response is larger than 6 MB"))
            return web.Response(status=413)
        return web.Response(status=202)

    async def _on_error(self, request: web.Request) -> web.Response:
        self._settle(
            Result(
                await request.read(), request.headers.get("Lambda-Runtime-Function-Error-Type", "Unhandled")
            )
        )
        return web.Response(status=202)

    async def _on_init_error(self, request: web.Request) -> web.Response:
        self._started.set_result(
            Result(
                await request.read(), request.headers.get("Lambda-Runtime-Function-Error-Type", "Unhandled")
            )
        )
        return web.Response(status=202)
