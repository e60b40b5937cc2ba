"""The whole system in the process of the tests, with low limits, a clock and failures that tests control."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import local_system
from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from scripts.local.system import System
from tests.support.kinesis_proxy import KinesisProxy
from tests.support.websocket_clients import (
    HandshakeRefused,
    WebSocketClient,
    WebSocketClients,
    websocket_clients,
)

MAX_LISTENERS = 20
JOINS_PER_MINUTE = 60
SPEAKER_ABSENT_MINUTES = 120
MAX_LANGUAGES = 3
CAPTION_CHARACTERS_PER_MINUTE = 25_000
TIMEOUT_S = 30

Json = dict[str, Any]


class Clock:
    """Epoch seconds. Tests can stop it and move it forward."""

    def __init__(self) -> None:
        self._stopped_at: float | None = None
        self._ahead = 0.0

    def __call__(self) -> float:
        return (time.time() if self._stopped_at is None else self._stopped_at) + self._ahead

    def move_forward(self, seconds: float) -> None:
        self._ahead += seconds

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop it while the context lasts."""
        self._stopped_at = time.time()
        yield
        self._stopped_at = None


@pytest.fixture(scope="session")
def clock() -> Clock:
    """Return the clock of both APIs."""
    return Clock()


@pytest.fixture(scope="session")
def kinesis() -> KinesisProxy:
    """Return the proxy by which functions reach Kinesis."""
    return KinesisProxy()


@pytest.fixture(scope="session")
def has_audio() -> bool:
    """Return whether the system has an audio stream."""
    return True


@pytest.fixture(scope="session")
def local(
    tmp_path_factory: pytest.TempPathFactory, clock: Clock, kinesis: KinesisProxy, has_audio: bool
) -> Iterator[System]:
    """Start the system in folders of its own; stop it when all tests are done.

    Its schedules run only when a test runs them.
    """
    settings = {
        "max_listeners": str(MAX_LISTENERS),
        "joins_per_address_per_minute": str(JOINS_PER_MINUTE),
        "speaker_absent_minutes": str(SPEAKER_ABSENT_MINUTES),
        "max_languages": str(MAX_LANGUAGES),
        "caption_characters_per_minute": str(CAPTION_CHARACTERS_PER_MINUTE),
        "audio_stream": str(has_audio).lower(),
    }
    folder = tmp_path_factory.mktemp("system")
    with EventLoop() as loop, listening(loop, kinesis) as proxy_url:

        def kinesis_url(aws_url: str) -> str:
            kinesis.aws_url = aws_url
            return proxy_url

        with System(
            work=folder / "work",
            dist=folder / "dist",
            settings=settings,
            clock=clock,
            runs_schedules=False,
            functions_kinesis_url=kinesis_url,
        ) as system:
            yield system


@pytest.fixture(autouse=True)
def no_failures_after_a_test(local: System, kinesis: KinesisProxy) -> Iterator[None]:
    yield
    kinesis.fault, kinesis.down = lambda _: None, False
    local.websockets.loses_disconnect = lambda _: False
    local.management_api.forced_status = lambda _, __: None
    local.translate.fault = lambda _: None
    local.polly.fault = lambda _: None


_ADDRESSES = itertools.count(2)


@pytest.fixture
def clients() -> Iterator[WebSocketClients]:
    """Clients at one address, which no other test has."""
    with websocket_clients(f"127.0.1.{next(_ADDRESSES)}") as clients:
        yield clients


class Session:
    """One session, and the requests and connections of its speaker and listeners."""

    def __init__(
        self, local: System, clients: WebSocketClients, speaker: str, source_language: str = "en"
    ) -> None:
        self.local = local
        self.token = local.token(speaker)
        self._clients = clients
        response = self.call("POST", "/sessions", json={"sourceLanguage": source_language})
        assert response.status_code == 201, response.text
        self.id = str(response.json()["sessionId"])
        self.path = f"/sessions/{self.id}"

    def call(self, method: str, path: str | None = None, **sent: Any) -> requests.Response:
        """Send a request as the speaker; a throttled one is sent again."""
        url = self.local.url + (path or self.path)
        sent["headers"] = {"Authorization": f"Bearer {self.token}"} | sent.get("headers", {})
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            response = requests.request(method, url, timeout=TIMEOUT_S, **sent)
            if response.status_code != 429 or time.monotonic() > deadline:
                return response
            time.sleep(0.2)

    def change(self, **fields: str) -> None:
        """PATCH it."""
        assert self.call("PATCH", json=fields).status_code == 200

    def end(self) -> None:
        """DELETE it."""
        assert self.call("DELETE").status_code == 204

    def read(self) -> Json:
        """GET it."""
        session: Json = self.call("GET").json()
        return session

    def speaker(self) -> WebSocketClient:
        """Connect its speaker."""
        return self._clients.open(self.local.websocket_url, sessionId=self.id, token=self.token)

    def listener(self, language: str = "es", **query: str) -> WebSocketClient:
        """Connect a listener. Raises HandshakeRefused."""
        return self._clients.open(
            self.local.websocket_url, sessionId=self.id, targetLanguage=language, **query
        )

    def listener_if_admitted(self) -> WebSocketClient | None:
        """Connect a listener; None if the handshake is refused."""
        with contextlib.suppress(HandshakeRefused):
            return self.listener()
        return None

    def row(self) -> Json:
        """Return its own row."""
        key = {"sessionId": {"S": self.id}}
        item: Json = dynamodb(self.local).get_item(TableName=table(self.local, "sessions"), Key=key)["Item"]
        return item

    def rows(self) -> list[Json]:
        """Return the rows of its connections."""
        return rows(self.local, self.id)


def dynamodb(local: System) -> Any:
    """Return a client of the local DynamoDB."""
    return local_system.aws_client("dynamodb", local.aws.url)


def table(local: System, name: str) -> str:
    """Return the name in AWS of the table of `sessions` or `connections`."""
    return local.config.functions["session-service-local-session_changed"].environment[
        f"{name.upper()}_TABLE"
    ]


def rows(local: System, session_id: str) -> list[Json]:
    """Return the rows of connections under a session's id."""
    pages = (
        dynamodb(local)
        .get_paginator("query")
        .paginate(
            TableName=table(local, "connections"),
            KeyConditionExpression="sessionId = :id",
            ExpressionAttributeValues={":id": {"S": session_id}},
            ConsistentRead=True,
        )
    )
    return [item for page in pages for item in page["Items"]]


def age_rows(session: Session) -> None:
    """Change the rows as if their clients had connected a minute earlier."""
    client, name = dynamodb(session.local), table(session.local, "connections")
    for row in session.rows():
        client.update_item(
            TableName=name,
            Key={key: row[key] for key in ("sessionId", "connectionId")},
            UpdateExpression="SET joinedAt = :joinedAt",
            ExpressionAttributeValues={":joinedAt": {"N": str(int(row["joinedAt"]["N"]) - 60_000)}},
        )


def write_lapsed_row(session: Session) -> None:
    """Write the row `lapsed` of a join that was killed a minute ago, before its admission."""
    listener = next(row for row in session.rows() if row["role"]["S"] == "listener")
    lapsed = {name: value for name, value in listener.items() if name != "admittedAt"}
    lapsed |= {"connectionId": {"S": "lapsed"}, "expiresAt": {"N": str(int(time.time()) - 60)}}
    dynamodb(session.local).put_item(TableName=table(session.local, "connections"), Item=lapsed)


def write_absence(session: Session, since: int) -> None:
    """Write into its row that its speaker has been absent since `since`, epoch ms."""
    dynamodb(session.local).update_item(
        TableName=table(session.local, "sessions"),
        Key={"sessionId": {"S": session.id}},
        UpdateExpression="SET speakerAbsentSince = :since",
        ExpressionAttributeValues={":since": {"N": str(since)}},
    )


def processes_of(function: str) -> list[int]:
    """Return the ids of the processes of a function."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and f".{function}." in (process / "cmdline").read_text():
                pids.append(int(process.name))
    return pids


_SPEAKERS = itertools.count()


@pytest.fixture
def open_session(local: System, clients: WebSocketClients) -> Callable[..., Session]:
    """Return a way to create sessions, each with a speaker of its own, given their source language (en)."""
    return lambda *language: Session(local, clients, f"speaker-{next(_SPEAKERS)}", *language)


@pytest.fixture
def session(open_session: Callable[..., Session]) -> Session:
    """Create a session."""
    return open_session()
