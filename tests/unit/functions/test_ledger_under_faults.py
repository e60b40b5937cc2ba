"""Each tenth call of DynamoDB fails, and the table holds what was acknowledged, and no more.

`make faults` proves the same with the whole system, many at once and for longer.
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

from scripts.local import system
from shared.aws.dynamodb import DEFAULT_CONFIG, require_json
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.clock import now_ms
from tests.stress.faults import ledger
from tests.stress.faults.proxy import Proxy
from tests.stress.load.mix import Answer, Event, Speaker, World
from tests.support.handlers import replace_use_cases
from tests.support.http_events import CREATE, DELETE, GET, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.tables import SESSIONS_TABLE, create_table
from tests.support.use_cases import SessionUseCases

PATIENCE_S = 0.3
IMPATIENT = DEFAULT_CONFIG.merge(Config(connect_timeout=PATIENCE_S, read_timeout=PATIENCE_S))
ROUTES = {"create": CREATE, "list": LIST, "get": GET, "change": UPDATE, "end": DELETE}
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
    proxy = Proxy(seed=SEED, patience_s=PATIENCE_S)
    proxy.target = moto
    with system.event_loop() as loop, system.listening(loop, proxy, 0) as url:
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
    create_table(table, SESSIONS_TABLE)
    use_cases = SessionUseCases(SessionsTable(through, SESSIONS_TABLE), EmbeddedMetrics("test"), now_ms)
    replace_use_cases(monkeypatch, doors, use_cases)
    monkeypatch.setattr(doors[LIST].list_sessions, "_index", SpeakerIndex(through, SESSIONS_TABLE))

    def send(_method: str, path: str, *, name: str, headers: dict[str, str], body: object = None) -> Answer:
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
        return Answer(response["statusCode"], response["headers"], json.loads(response.get("body", "null")))

    world, events = World(), list[Event]()
    chance = random.Random(SEED)
    people = [
        Speaker(name, name, world=world, send=send, record=events.append, chance=chance, refusals=True)
        for name in ("alice", "bob", "carol")
    ]

    faults.do("mixed", 0.1)
    for _ in range(TURNS):
        chance.choice(people).turn()
    faults.stop_faults()
    before = ledger.rows_of(table, SESSIONS_TABLE)
    settled = [
        *events,
        *ledger.settle(
            events,
            lambda open_: send(
                "POST",
                "/sessions",
                name="create",
                headers={"Authorization": f"Bearer {open_.speaker}", "Idempotency-Key": str(open_.key)},
                body=open_.sent,
            ),
        ),
    ]

    assert ledger.check(events, before) == []
    assert ledger.check(settled, ledger.rows_of(table, SESSIONS_TABLE), settled=True) == []
    statuses = Counter(event.status for event in events)
    assert faults.calls["mixed"] > 20
    assert statuses[201] > 50
    assert {412, 422, 503} <= set(statuses)
