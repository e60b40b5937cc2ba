"""The whole system, started and stopped as one: local AWS, Terraform, functions, both APIs, streams, console.

Tests use it as a context manager:

    with system.start(work=folder) as running:
        requests.get(f"{running.url}/health")
        running.token("alice")
"""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import aiohttp

from scripts import local_system
from scripts.local import processes, speakers
from scripts.local.aws import local_aws
from scripts.local.aws.permissions import Permissions, Roles
from scripts.local.config import system_config
from scripts.local.config.functions import Function
from scripts.local.config.http_api import HttpApi
from scripts.local.config.system_config import SystemConfig
from scripts.local.gateway.connections import Connections, Permitted
from scripts.local.gateway.http_api import Gateway
from scripts.local.gateway.websocket_api import WebSocketGateway
from scripts.local.lambda_.aliases import Aliases, Published
from scripts.local.lambda_.event_sources import Streams
from scripts.local.lambda_.runtime import Lambda, unpack
from scripts.local.web.console import Console
from scripts.project import ROOT

if TYPE_CHECKING:
    import subprocess

    from scripts.local.gateway.jwt_authorizer import FetchKeys

DIST = ROOT / "dist"

_T = TypeVar("_T")


class PortTaken(Exception):
    """Somebody else listens on `port`."""

    def __init__(self, port: int) -> None:
        super().__init__(f"Port {port} is taken.")
        self.port = port


class StepFailed(Exception):
    """Building or applying failed; the message holds the end of what was said, and where the rest is."""


@dataclass(frozen=True)
class System:
    """A system that runs. Every URL is on 127.0.0.1 and has no slash at its end.

    Through `websockets` and `connections` tests make what goes wrong on AWS go wrong here.
    """

    url: str
    websocket_url: str
    console_url: str
    aws_url: str
    config: SystemConfig
    work: Path
    aws_process: "subprocess.Popen[bytes]"
    websockets: WebSocketGateway
    connections: Connections

    def token(self, name: str) -> str:
        """Return a token of a speaker, who is made when unknown. Raises speakers.BadName."""
        return speakers.token(
            name,
            aws_url=self.aws_url,
            user_pool_id=self.config.user_pool_id,
            client_id=self.config.user_pool_client_id,
        )


@contextlib.contextmanager
def start(
    *,
    work: Path = local_system.DEFAULT_WORK,
    port: int = 0,
    console_port: int = 0,
    dist: Path = DIST,
    build: bool = True,
    settings: Mapping[str, str] = MappingProxyType({}),
    clock: Callable[[], float] = time.time,
    way_to_aws: Callable[[str], str] = lambda aws_url: aws_url,
    say: Callable[[str], object] = lambda _: None,
) -> Iterator[System]:
    """Start everything and stop everything; port 0 takes a free one, and `say` hears of each step.

    `settings` go before those of local.tfvars. `clock` gives the WebSocket API its epoch seconds.
    `way_to_aws` makes of the local AWS's URL the one that functions are given: a test puts faults in between.
    Raises local_system.AlreadyRunning, PortTaken, StepFailed, AwsFailed, NotServable or WrongRuntime.
    """
    work = work.resolve()
    with contextlib.ExitStack() as stack:
        stack.enter_context(local_system.claim(work))
        for wanted in filter(None, (port, console_port)):
            check_free(wanted)
        told = local_system.RunningSystem(
            os.getpid(), f"http://127.0.0.1:{port}", f"http://127.0.0.1:{console_port}"
        )
        local_system.publish(work, told)
        logs = work / "logs"
        shutil.rmtree(logs, ignore_errors=True)  # each run has its own
        logs.mkdir()

        if build:
            say("Building the functions")
            _run_step(["scripts.build.package", "--out", str(dist)], logs / "package.log")
        say("Starting the local AWS")
        loop = stack.enter_context(event_loop())
        streams = Streams()
        streams_url = stack.enter_context(listening(loop, streams, 0))
        aws_log = stack.enter_context((logs / "aws.log").open("wb"))
        calls = logs / "calls.log"
        aws_process, aws_url = local_aws.start(aws_log, streams_url, calls)
        stack.callback(processes.stop, aws_process)
        say("Applying Terraform to it")
        served = _provision(work / "terraform", dist, aws_url, settings, logs / "terraform.log")
        say("Serving what was declared")
        zips = work / "functions"
        task_roots = _unpack_functions(served, aws_url, zips)
        access_log = stack.enter_context((logs / "access.log").open("a", buffering=1))

        def log(line: str) -> None:
            access_log.write(f"{line}\n")

        websocket_api = served.websocket_api
        permissions = Permissions(Roles(aws_url), calls)
        connections = Connections(_connections_permitted(websocket_api.execution_arn, permissions))
        connections_url = stack.enter_context(listening(loop, connections, 0))
        lambda_ = stack.enter_context(
            running_functions(
                loop,
                served.functions,
                task_roots,
                work=work,
                environment=local_system.aws_variables(way_to_aws(aws_url)),
                moved={websocket_api.endpoint: f"{connections_url}/{websocket_api.stage}"},
            )
        )
        live = Aliases(lambda_, Published(aws_url, served.functions, zips))
        websockets = WebSocketGateway(websocket_api, live, connections, clock=clock, log=log)
        gateway = Gateway(
            served.http_api,
            live,
            _keys_at(aws_url),
            log=log,
            elsewhere={websockets.path: websockets.handle},
        )
        url = stack.enter_context(listening(loop, gateway, port))
        loop.run(websockets.start())
        stack.callback(lambda: loop.run(websockets.stop()))
        loop.run(streams.consume(served.event_sources, live, _put_object_at(aws_url)))
        console = Console(url, lambda: running.token(speakers.DEMO))
        console_loop = stack.enter_context(event_loop())
        console_url = stack.enter_context(listening(console_loop, console, console_port))
        running = System(
            url=url,
            websocket_url=f"ws{url.removeprefix('http')}{websockets.path}",
            console_url=console_url,
            aws_url=aws_url,
            config=served,
            work=work,
            aws_process=aws_process,
            websockets=websockets,
            connections=connections,
        )
        local_system.publish(
            work,
            local_system.RunningSystem(
                pid=told.pid,
                url=url,
                console_url=console_url,
                websocket_url=running.websocket_url,
                aws_url=aws_url,
                user_pool_id=served.user_pool_id,
                user_pool_client_id=served.user_pool_client_id,
                ready=True,
            ),
        )
        yield running


def _connections_permitted(execution_arn: str, permissions: Permissions) -> Permitted:
    def permitted(authorization: str, method: str, path: str) -> bool:
        stage, connection = path.strip("/").split("/", 1)
        resource = f"{execution_arn}/{stage}/{method}/{connection}"
        return permissions.allow(authorization, "execute-api:ManageConnections", resource)

    return permitted


def check_free(port: int) -> None:
    """Raise PortTaken when somebody listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(port) from None


@contextlib.contextmanager
def serve(
    api: HttpApi,
    functions: Mapping[str, Function],
    task_roots: Mapping[str, Path],
    *,
    work: Path,
    fetch_keys: "FetchKeys",
    environment: Mapping[str, str] | None = None,
    port: int = 0,
    log: Callable[[str], object] = lambda _: None,
) -> Iterator[str]:
    """Serve an HTTP API and its functions, without AWS or Terraform; yield the URL. Raises PortTaken."""
    with (
        event_loop() as loop,
        running_functions(loop, functions, task_roots, work=work, environment=environment or {}) as lambda_,
        listening(loop, Gateway(api, lambda_, fetch_keys, log=log), port) as url,
    ):
        yield url


@contextlib.contextmanager
def running_functions(
    loop: "EventLoop",
    functions: Mapping[str, Function],
    task_roots: Mapping[str, Path],
    *,
    work: Path,
    environment: Mapping[str, str],
    moved: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Lambda]:
    """Have functions run while the context lasts. Raises WrongRuntime."""
    lambda_ = Lambda(functions, task_roots, environment=environment, moved=moved, work=work)
    loop.run(lambda_.start())
    try:
        yield lambda_
    finally:
        loop.run(lambda_.stop())


class Server(Protocol):
    """What serves on a port: a Gateway, a Console, Connections or Streams."""

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port."""
        ...

    async def stop(self) -> None:
        """Stop listening."""
        ...


@contextlib.contextmanager
def listening(loop: "EventLoop", server: Server, port: int) -> Iterator[str]:
    """Have a server listen while the context lasts; yield its URL. Raises PortTaken."""
    try:
        try:
            port = loop.run(server.start(port))
        except OSError as problem:
            raise (PortTaken(port) if problem.errno == errno.EADDRINUSE else problem) from None
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.run(server.stop())


def _provision(
    data_dir: Path, dist: Path, aws_url: str, settings: Mapping[str, str], log: Path
) -> SystemConfig:
    data_dir.mkdir(exist_ok=True)
    # Asked to stop rather than killed when we are: it has a Terraform of its own to end.
    _run_step(
        [
            *("scripts.local.provision", str(data_dir), str(dist.resolve())),
            *(f"{name}={value}" for name, value in settings.items()),
        ],
        log,
        env={**os.environ, **local_system.aws_variables(aws_url)},
        on_parent_death=signal.SIGTERM,
    )
    return system_config.read((data_dir / "shown.json").read_text())


def _run_step(
    module: list[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    on_parent_death: int = signal.SIGKILL,
) -> None:
    with log.open("wb") as output:
        step = processes.spawn(
            [sys.executable, "-m", *module], env=env, output=output, on_parent_death=on_parent_death
        )
        try:
            failed = step.wait()
        finally:
            processes.stop(step)
    if failed:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-40:])
        raise StepFailed(f"{end}\n\nAll of it is in {log}")


def _unpack_functions(served: SystemConfig, aws_url: str, into: Path) -> dict[str, Path]:
    s3 = local_system.aws_client("s3", aws_url)
    task_roots = {}
    for name, function in served.functions.items():
        bucket, key = function.code
        task_roots[name] = unpack(s3.get_object(Bucket=bucket, Key=key)["Body"].read(), into)
    for former in set(into.iterdir()) - set(task_roots.values()):
        shutil.rmtree(former)
    return task_roots


def _keys_at(aws_url: str) -> Callable[[str], Coroutine[Any, Any, Mapping[str, Any]]]:
    """Return what fetches an issuer's keys: its tokens name the real AWS host, its keys are here."""

    async def fetch(issuer: str) -> Mapping[str, Any]:
        url = f"{aws_url}/{issuer.rpartition('/')[2]}/.well-known/jwks.json"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as client,
                client.get(url, raise_for_status=True) as response,
            ):
                keys: Mapping[str, Any] = await response.json(content_type=None)
                return keys
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            raise OSError(f"{url}: {problem}") from problem

    return fetch


def _put_object_at(aws_url: str) -> Callable[[str, str, str], Coroutine[Any, Any, object]]:
    """Return a function that stores an object in the local S3, given its bucket, key and body."""
    s3 = local_system.aws_client("s3", aws_url)

    async def put_object(bucket: str, key: str, body: str) -> object:
        return await asyncio.to_thread(s3.put_object, Bucket=bucket, Key=key, Body=body)

    return put_object


class EventLoop:
    """An event loop in a thread of its own, so that signals and waiting stay with the main one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="local-system")

    def run(self, step: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, and return or raise what it gave."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, with the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def event_loop() -> Iterator[EventLoop]:
    """Yield a loop that runs while the context lasts."""
    loop = EventLoop()
    loop.start()
    try:
        yield loop
    finally:
        loop.stop()
