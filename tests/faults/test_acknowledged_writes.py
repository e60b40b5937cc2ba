"""With a fault in every tenth call of DynamoDB, acknowledged writes are kept and refused ones not applied.

`make stress PARTS=faults` proves the same with the whole system, concurrently and for longer.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.endpoint
import pytest
import pytest_socket
from botocore.config import Config
from moto.server import ThreadedMotoServer

from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from shared.aws.dynamodb import DEFAULT_CONFIG, create_client
from shared.aws.idempotency_keys_table import IdempotencyKeysTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.clock import now_ms
from tests.stress.faults.audit import audit, read_table, settle
from tests.stress.faults.proxy import Proxy
from tests.stress.load.workload import Exchange, KnownSessions, Response, User
from tests.support.handlers import replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.tables import IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE, create_table
from tests.support.use_cases import SessionUseCases

ROUTES = {"create": CREATE, "list": LIST, "get": GET, "update": UPDATE, "delete": DELETE}
SEED = 7
MIN_REQUESTS, MAX_REQUESTS = 200, 4000
# The SDK's timeout while faults are injected. A slow machine exceeds it more often, which is one more fault.
TIMEOUT_S = 0.3


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Allow connections to this machine only."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@pytest.fixture(autouse=True)
def no_retry_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK retry at once instead of after up to a second."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def moto_url() -> Iterator[str]:
    """Start moto's server, which makes its calls one at a time: see tests.support.tables. Return its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def proxy(moto_url: str) -> Iterator[tuple[Proxy, str]]:
    """Start a proxy in front of moto; return it and its URL."""
    proxy = Proxy(seed=SEED, read_timeout_s=TIMEOUT_S)
    proxy.target = moto_url
    with EventLoop() as loop, listening(loop, proxy) as url:
        yield proxy, url


@pytest.fixture
def connect(handlers: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], Any]:
    """Return a function that makes all handlers use DynamoDB at a URL: connect(url, timeout in seconds)."""

    def connect(url: str, timeout_s: float) -> Any:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        timeouts = Config(connect_timeout=timeout_s, read_timeout=timeout_s)
        client = create_client(DEFAULT_CONFIG.merge(timeouts))
        use_cases = SessionUseCases(
            SessionsTable(client, SESSIONS_TABLE),
            EmbeddedMetrics("test"),
            now_ms,
            keys=IdempotencyKeysTable(client, IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE),
        )
        replace_use_cases(monkeypatch, handlers, use_cases)
        monkeypatch.setattr(handlers[LIST].list_sessions, "_index", SpeakerIndex(client, SESSIONS_TABLE))
        return client

    return connect


@pytest.fixture
def send(handlers: dict[str, ModuleType]) -> Callable[..., Response]:
    """Return a function that sends a request of the workload to its handler."""

    def send(_method: str, path: str, *, name: str, headers: dict[str, str], body: object = None) -> Response:
        url = urlsplit(path)
        response = handlers[ROUTES[name]].handler(
            event(
                ROUTES[name],
                session_id=url.path.rpartition("/")[2],
                body=body,
                speaker=headers.get("Authorization", "").removeprefix("Bearer "),
                headers=headers,
                query=dict(parse_qsl(url.query)),
            ),
            LAMBDA_CONTEXT,
        )
        return Response(response["statusCode"], response["headers"], json.loads(response.get("body", "null")))

    return send


def covers_all_outcomes(exchanges: Sequence[Exchange]) -> bool:
    """Return whether writes were acknowledged, refused and left open."""
    statuses = Counter(exchange.status for exchange in exchanges)
    return statuses[201] > 50 and {412, 422, 503} <= set(statuses)


def test_the_table_contains_exactly_the_acknowledged_writes(
    moto_url: str,
    proxy: tuple[Proxy, str],
    connect: Callable[[str, float], Any],
    send: Callable[..., Response],
):
    faults, proxy_url = proxy
    client = connect(moto_url, 60)
    create_table(client, SESSIONS_TABLE)
    create_table(client, IDEMPOTENCY_KEYS_TABLE)
    known_sessions, exchanges = KnownSessions(), list[Exchange]()
    rng = random.Random(SEED)
    users = [
        User(name, name, known=known_sessions, send=send, record=exchanges.append, rng=rng, refusals=True)
        for name in ("alice", "bob", "carol")
    ]

    connect(proxy_url, TIMEOUT_S)
    faults.inject("mixed", 0.1)
    for _ in range(MAX_REQUESTS):
        rng.choice(users).send_request()
        if len(exchanges) >= MIN_REQUESTS and covers_all_outcomes(exchanges):
            break
    faults.stop_faults()
    rows = read_table(client, SESSIONS_TABLE)

    connect(moto_url, 60)
    repeated_creates = settle(
        exchanges,
        lambda unanswered: send(
            "POST",
            "/sessions",
            name="create",
            headers={
                "Authorization": f"Bearer {unanswered.speaker}",
                "Idempotency-Key": str(unanswered.key),
            },
            body=unanswered.sent,
        ),
    )
    rows_at_the_end = read_table(client, SESSIONS_TABLE)

    assert audit(exchanges, rows) == []
    assert audit([*exchanges, *repeated_creates], rows_at_the_end, settled=True) == []
    assert faults.injected["mixed"] > 20
    assert covers_all_outcomes(exchanges)
