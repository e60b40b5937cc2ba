"""The whole system: local AWS, Terraform, functions, both APIs, event sources and the console.

It is a context manager:

    with System(work=folder) as system:
        requests.get(f"{system.url}/health")
        system.token("alice")
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from scripts import local_system
from scripts.local import ports, provision, step
from scripts.local.aws import apertium, espeak, local_aws
from scripts.local.aws.apertium import Apertium
from scripts.local.aws.espeak import Espeak
from scripts.local.aws.local_aws import LocalAws
from scripts.local.aws.permissions import Permissions, RolePolicies
from scripts.local.aws.polly import Polly
from scripts.local.aws.translate import Translate
from scripts.local.aws.user_pool import DEMO_SPEAKER, UserPool
from scripts.local.config import system_config
from scripts.local.config.system_config import SystemConfig
from scripts.local.event_loop import EventLoop
from scripts.local.gateway.gateway import Gateway
from scripts.local.gateway.management_api import ManagementApi
from scripts.local.gateway.open_connection import OpenConnection
from scripts.local.gateway.websocket_api import WebSocketGateway
from scripts.local.lambda_ import launch
from scripts.local.lambda_.aliases import Aliases, Versions
from scripts.local.lambda_.event_sources import PutObject, Streams
from scripts.local.lambda_.invocation import Result
from scripts.local.lambda_.invoke_api import InvokeApi
from scripts.local.lambda_.runtime import Lambda
from scripts.local.lambda_.schedules import Schedules
from scripts.local.servers import Server, listening
from scripts.local.web.console import Addresses, Console
from scripts.local_system import RunningSystem
from scripts.project import ROOT

DIST = ROOT / "dist"


@dataclass(kw_only=True, eq=False, repr=False)
class System:
    """Starts everything as a context begins, and stops everything as it ends.

    Port 0 takes a free port. `settings` override those of local.tfvars. `clock` returns epoch seconds for
    both APIs. `runs_schedules` is whether schedules run by themselves every minute; a test that decides when
    they run calls `run_schedules` instead. `uses_speech_tools` is whether Apertium translates and espeak-ng
    speaks where they are installed; otherwise the stand-in for Translate only marks the text with its
    language, and that for Polly is silent. `functions_aws_url` turns the local AWS's URL into the one that
    functions use, and `functions_kinesis_url` into the one that they use for Kinesis; a test puts a proxy in
    between. `progress` takes a sentence before each long step.

    All URLs are on 127.0.0.1 and have no slash at the end. Tests use `functions`, `websockets`,
    `connections`, `management_api`, `translate` and `polly` to cause failures that occur on AWS.
    """

    work: Path = local_system.DEFAULT_WORK
    port: int = 0
    console_port: int = 0
    dist: Path = DIST
    build: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    runs_schedules: bool = True
    uses_speech_tools: bool = False
    functions_aws_url: Callable[[str], str] = lambda aws_url: aws_url
    functions_kinesis_url: Callable[[str], str] = lambda aws_url: aws_url
    progress: Callable[[str], object] = lambda _: None

    aws: LocalAws = field(init=False)
    config: SystemConfig = field(init=False)
    user_pool: UserPool = field(init=False)
    functions: Aliases = field(init=False)
    connections: dict[str, OpenConnection] = field(init=False, default_factory=dict)
    management_api: ManagementApi = field(init=False)
    apertium: Apertium = field(init=False)
    espeak: Espeak = field(init=False)
    translate: Translate = field(init=False)
    polly: Polly = field(init=False)
    websockets: WebSocketGateway = field(init=False)
    url: str = field(init=False)
    websocket_url: str = field(init=False)
    console_url: str = field(init=False)

    _streams: Streams = field(init=False, default_factory=Streams)
    _invoke_api: InvokeApi = field(init=False, default_factory=InvokeApi)
    _schedules: Schedules = field(init=False)

    def __enter__(self) -> Self:
        """Start. Raises AlreadyRunning, PortTaken, StepFailed, AwsFailed, NotServable or WrongRuntime."""
        with contextlib.ExitStack() as started:  # stops what has started when a step fails
            self._started = started
            self._claim_work_folder()
            self._build_functions()
            self._start_aws()
            self._apply_terraform()
            self._start_functions()
            self._start_apis()
            self._start_event_sources()
            self._start_schedules()
            self._start_console()
            self._publish_addresses()
            self._started = started.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, in the reverse order."""
        self._started.close()

    def token(self, name: str) -> str:
        """Return an access token of a speaker, who is created if unknown. Raises InvalidName."""
        return self.user_pool.access_token(name)

    def run_schedules(self, at: float) -> dict[str, Result]:
        """Invoke the functions of all schedules as if it were `at`, in epoch seconds, and wait for their end.

        Return their results by the schedule's name.
        """
        return self._loop.run(self._schedules.run(at))

    def _claim_work_folder(self) -> None:
        self.work = self.work.resolve()
        self._started.enter_context(local_system.claim(self.work))
        for port in (self.port, self.console_port):
            if not ports.is_free(port):
                raise ports.PortTaken(port)
        self._publish(f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.console_port}")
        for folder in (self._logs, self._zips):  # of the last run
            shutil.rmtree(folder, ignore_errors=True)
        self._logs.mkdir()

    def _build_functions(self) -> None:
        if self.build:
            self.progress("Building the functions")
            log = self._logs / "package.log"
            step.run("scripts.build", "--out", str(self.dist), log=log)

    def _start_aws(self) -> None:
        self.progress("Starting the local AWS")
        self._loop = self._started.enter_context(EventLoop())
        streams_url, invoke_url = self._listen(self._streams), self._listen(self._invoke_api)
        self.aws = self._started.enter_context(
            local_aws.running(self._logs / "aws.log", streams_url, invoke_url, self._calls)
        )

    def _apply_terraform(self) -> None:
        self.progress("Applying Terraform to it")
        folder = self.work / "terraform"
        folder.mkdir(exist_ok=True)
        step.run(
            "scripts.local.provision",
            *(str(folder), str(self.dist.resolve())),
            *(f"{name}={value}" for name, value in self.settings.items()),
            log=self._logs / "terraform.log",
            env={**os.environ, **local_system.aws_variables(self.aws.url)},
            # Not SIGKILL: it has to end the Terraform that it has started.
            on_parent_death=signal.SIGTERM,
        )
        self.config = system_config.read((folder / provision.STATE).read_text())
        self.user_pool = UserPool(self.aws.url, self.config.user_pool_id, self.config.user_pool_client_id)

    def _start_functions(self) -> None:
        self.progress("Starting the functions and both APIs")
        for function in self.config.functions.values():
            launch.check(function)
        api, permissions = self.config.websocket_api, Permissions(RolePolicies(self.aws.url), self._calls)
        self.management_api = ManagementApi(api.execution_arn, self.connections, permissions.allow)
        management_url = self._listen(self.management_api)
        patient = self._patient_permissions()
        self.apertium = apertium.find() if self.uses_speech_tools else Apertium()
        self.espeak = espeak.find() if self.uses_speech_tools else Espeak()
        self.translate = Translate(patient.allow, self.apertium)
        self.polly = Polly(patient.allow, self.espeak)
        lambda_ = Lambda(
            self.work,
            environment={
                **local_system.aws_variables(self.functions_aws_url(self.aws.url)),
                "AWS_ENDPOINT_URL_KINESIS": self.functions_kinesis_url(self.aws.url),
                "AWS_ENDPOINT_URL_TRANSLATE": self._listen(self.translate),
                "AWS_ENDPOINT_URL_POLLY": self._listen(self.polly),
            },
            local_values={api.endpoint: f"{management_url}/{api.stage}"},
        )
        self._started.callback(lambda: self._loop.run(lambda_.stop()))
        self.functions = Aliases(lambda_, Versions(self.aws.url, self.config.functions, self._zips))
        self._invoke_api.serve(self.config.functions, self.functions, permissions.allow)

    def _patient_permissions(self) -> Permissions:
        """Return permissions that know all roles already and forget them after a minute.

        A function waits a second for Amazon Translate, and reading a role may take longer on a busy machine.
        """
        policies = RolePolicies(self.aws.url, cache_seconds=60)
        for name in self.config.functions:
            policies(name)
        return Permissions(policies, self._calls)

    def _start_apis(self) -> None:
        access_log = self._started.enter_context((self._logs / "access.log").open("a", buffering=1))
        self.websockets = WebSocketGateway(
            self.config.websocket_api,
            self.functions,
            self.connections,
            clock=self.clock,
            write_log=access_log.write,
        )
        gateway = Gateway(
            self.config.http_api,
            self.functions,
            self.user_pool.fetch_keys,
            self.websockets,
            clock=self.clock,
            write_log=access_log.write,
        )
        self.url = self._listen(gateway, self.port)
        self.websocket_url = f"ws{self.url.removeprefix('http')}{self.websockets.path}"

    def _start_event_sources(self) -> None:
        put_object = _put_object(self.aws.url)
        self._loop.run(self._streams.consume(self.config.event_sources, self.functions, put_object))
        self._started.callback(lambda: self._loop.run(self._streams.stop()))

    def _start_schedules(self) -> None:
        self._schedules = Schedules(self.config.schedules, self.functions)
        if self.runs_schedules:
            self._loop.run(self._schedules.start())
            self._started.callback(lambda: self._loop.run(self._schedules.stop()))

    def _start_console(self) -> None:
        addresses = Addresses(
            self.url,
            self.websocket_url,
            self.aws.url,
            audio="audioChunk" in self.config.websocket_api.messages,
        )
        console = Console(addresses, lambda: self.token(DEMO_SPEAKER))
        self.user_pool.create_speaker(DEMO_SPEAKER)  # frontends sign in too
        # A loop of its own: Swagger UI's files do not delay the APIs.
        loop = self._started.enter_context(EventLoop())
        self.console_url = self._started.enter_context(listening(loop, console, self.console_port))

    def _publish_addresses(self) -> None:
        self._publish(
            self.url,
            self.console_url,
            websocket_url=self.websocket_url,
            aws_url=self.aws.url,
            user_pool_id=self.user_pool.id,
            user_pool_client_id=self.user_pool.client_id,
            ready=True,
        )

    def _publish(self, url: str, console_url: str, **more: Any) -> None:
        local_system.publish(self.work, RunningSystem(os.getpid(), url, console_url, **more))

    @property
    def _logs(self) -> Path:
        return self.work / "logs"

    @property
    def _calls(self) -> Path:
        return self._logs / "calls.log"

    @property
    def _zips(self) -> Path:
        return self.work / "functions"

    def _listen(self, server: Server, port: int = 0) -> str:
        return self._started.enter_context(listening(self._loop, server, port))


def _put_object(aws_url: str) -> PutObject:
    """Return a function that stores an object in the local S3, given its bucket, key and body."""
    s3 = local_system.aws_client("s3", aws_url)

    async def put_object(bucket: str, key: str, body: str) -> object:
        return await asyncio.to_thread(s3.put_object, Bucket=bucket, Key=key, Body=body)

    return put_object
