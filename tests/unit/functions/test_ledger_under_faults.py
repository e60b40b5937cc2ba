"""With a fault in every tenth call of DynamoDB, the table contains exactly what was acknowledged.

`make stress PARTS=faults` proves the same with the whole system, concurrently and for longer.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.endpoint
import botocore.session
import pytest
import pytest_socket
from botocore.config import Config
from moto.server import ThreadedMotoServer

from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from shared.aws.dynamodb import DEFAULT_CONFIG, require_json
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.clock import now_ms
from tests.stress.faults.audit import audit, read_table, settle
from tests.stress.faults.proxy import Proxy
from tests.stress.load.workload import Exchange, KnownSessions, Response, User
from tests.support.handlers import replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.tables import TABLE, make_table
from tests.support.use_cases import SessionUseCases

PATIENCE_S = 0.3
IMPATIENT = DEFAULT_CONFIG.merge(Config(connect_timeout=PATIENCE_S, read_timeout=PATIENCE_S))
ROUTES = {"create": CREATE, "list": LIST, "get": GET, "update": UPDATE, "delete": DELETE}
TURNS = 400
SEED = 7


@pytest.fixture(autouse=True)
def no_sockets() -> None:
    """Let this module's test reach this machine, and nothing else."""
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


def client_of(url: str, config: Config) -> Any:
    client = botocore.session.get_session().create_client("dynamodb", endpoint_url=url, config=config)
    client.meta.events.register("before-parse.dynamodb", require_json)
    return client


@pytest.fixture
def moto() -> Iterator[str]:
    """Start moto's server; return its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def proxy(moto: str) -> Iterator[tuple[Proxy, str]]:
    """Start a proxy before moto; return it and its URL."""
    proxy = Proxy(seed=SEED, read_timeout_s=PATIENCE_S)
    proxy.target = moto
    with EventLoop() as loop, listening(loop, proxy) as url:
        yield proxy, url


def test_nothing_acknowledged_is_lost_and_nothing_refused_is_there(
    moto: str,
    proxy: tuple[Proxy, str],
    doors: dict[str, ModuleType],
    monkeypatch: pytest.MonkeyPatch,
):
    faults, url = proxy
    # Between its two tries the SDK would wait up to a second.
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    # Whoever is asked first in moto takes seconds to load it.
    through, table = client_of(url, IMPATIENT), client_of(moto, Config(read_timeout=60))
    make_table(table)
    use_cases = SessionUseCases(SessionsTable(through, TABLE), EmbeddedMetrics("test"), now_ms)
    replace_use_cases(monkeypatch, doors, use_cases)
    monkeypatch.setattr(doors[LIST].list_sessions, "_index", SpeakerIndex(through, TABLE))

    def send(_method: str, path: str, *, name: str, headers: dict[str, str], body: object = None) -> Response:
        parts = urlsplit(path)
        response = doors[ROUTES[name]].handler(
            event(
                ROUTES[name],
                session_id=parts.path.rpartition("/")[2],
                body=body,
                speaker=headers.get("Authorization", "").removeprefix("Bearer "),
                headers=headers,
                query=dict(parse_qsl(parts.query)),
            ),
            LAMBDA_CONTEXT,
        )
        return Response(response["statusCode"], response["headers"], json.loads(response.get("body", "null")))

    known, exchanges = KnownSessions(), list[Exchange]()
    rng = random.Random(SEED)
    users = [
        User(name, name, known=known, send=send, record=exchanges.append, rng=rng, refusals=True)
        for name in ("alice", "bob", "carol")
    ]

    faults.inject("mixed", 0.1)
    for _ in range(TURNS):
        rng.choice(users).send_request()
    faults.stop_faults()
    before = read_table(table, TABLE)
    settled = [
        *exchanges,
        *settle(
            exchanges,
            lambda open_: send(
                "POST",
                "/sessions",
                name="create",
                headers={"Authorization": f"Bearer {open_.speaker}", "Idempotency-Key": str(open_.key)},
                body=open_.sent,
            ),
        ),
    ]

    assert audit(exchanges, before) == []
    assert audit(settled, read_table(table, TABLE), settled=True) == []
    statuses = Counter(exchange.status for exchange in exchanges)
    assert faults.injected["mixed"] > 20
    assert statuses[201] > 50
    assert {412, 422, 503} <= set(statuses)
