"""The cost model counts what the real code really uses."""

import json
import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NamedTuple

import botocore.session
import pytest
from awslambdaric.bootstrap import LambdaLoggerFilter
from awslambdaric.lambda_runtime_log_utils import JsonFormatter
from moto import mock_aws
from shared.sessions.service import Sessions

from scripts.docs import cost
from scripts.project import ROOT
from shared.audience.connection import LIFETIME_S, Connection, Role
from shared.audience.join import Join
from shared.audience.listener_counter import ListenerCounter, SessionRef
from shared.audience.notifier import Notifier
from shared.aws.connections_table import ConnectionsTable
from shared.aws.listener_counts import ListenerCounts
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.rate_limits_table import RateLimitsTable
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.events import http_api, websocket_api
from shared.sessions.requests import NewSession
from shared.sessions.session import Change, Language, Precondition, QualityTier, Session, Status
from tests.support import tables
from tests.support.http_events import CREATE, GET, LIST, UPDATE, event
from tests.support.sessions import ALICE, NOW

AWS = botocore.session.get_session()  # it takes long to make
MODULES = ROOT / "terraform/modules"
CONNECTION_ID = "L0SM9cOFvHcCIhw="
KEYS = {"sessions": ["sessionId"], **tables.KEYS}
# The keys of each index and what else it holds, None for everything.
INDEXES: dict[str, list[tuple[set[str], set[str] | None]]] = {
    "sessions": [({"speakerId", "createdAt"}, None), ({"status", "expiresAt"}, {"sourceLanguage"})]
}
Item = Mapping[str, Mapping[str, Any]]


class Units(NamedTuple):
    writes: int
    reads: float


class Meter:
    """Counts the request units of what a client sends, by DynamoDB's rules.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """

    def __init__(self, client: Any, onlooker: Any) -> None:
        self._onlooker = onlooker
        self._calls: list[tuple[str, dict[str, Any], Item]] = []
        self._before: Item = {}
        self.client = client

    @contextmanager
    def running(self) -> Iterator["Meter"]:
        self._calls.clear()
        self._index_writes = 0
        events = self.client.meta.events
        hooks = {"provide-client-params.dynamodb": self._asked, "after-call.dynamodb": self._answered}
        for name, hook in hooks.items():
            events.register(name, hook)
        try:
            yield self
        finally:
            for name, hook in hooks.items():
                events.unregister(name, hook)

    @property
    def units(self) -> Units:
        return Units(
            writes=sum(self._written(*call) for call in self._calls) + self._index_writes,
            reads=sum(self._read(*call) for call in self._calls),
        )

    def _asked(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        self._params = params
        self._before = self._row(params)

    def _answered(self, http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        assert http_response.status_code == 200, parsed
        rows = parsed.get("Items") or [max(self._before, self._row(self._params), key=size)]
        # A query is billed for all its rows together.
        everything = {
            f"{index} {name}": value for index, row in enumerate(rows) for name, value in row.items()
        }
        item = everything if model.name == "Query" else rows[0]
        self._calls.append((model.name, self._params, item))
        self._index_writes += self._written_to_indexes(self._params, self._before)

    def _row(self, params: dict[str, Any]) -> Item:
        table = params["TableName"]
        key = params.get("Key") or {
            name: params["Item"][name] for name in KEYS[table] if name in params.get("Item", {})
        }
        if not key:
            return {}
        found: Item = self._onlooker.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return found

    @staticmethod
    def _written(operation: str, params: dict[str, Any], item: Item) -> int:
        if operation not in ("PutItem", "UpdateItem", "DeleteItem"):
            return 0
        return max(1, math.ceil(size(item) / 1024))

    def _written_to_indexes(self, params: dict[str, Any], before: Item) -> int:
        """One unit for a row that comes, goes or changes in an index, two for one whose key there changes."""
        after = self._row(params)
        units = 0
        for keys, others in INDEXES.get(params["TableName"], []):
            held = keys | (before.keys() | after.keys() if others is None else others)
            old, new = ({name: row[name] for name in held & row.keys()} for row in (before, after))
            if old != new:
                moved = old and new and any(old[key] != new[key] for key in keys)
                units += 2 if moved else 1
        return units

    @staticmethod
    def _read(operation: str, params: dict[str, Any], item: Item) -> float:
        if operation not in ("GetItem", "Query"):
            return 0
        units = max(1, math.ceil(size(item) / 4096))
        if params.get("ConsistentRead"):
            return units
        assert "IndexName" in params, "only indexes, which know no other way, are read late"
        return units / 2


def size(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them."""

    def value(kind: str, content: Any) -> int:
        return math.ceil(len(str(content)) / 2) + 1 if kind == "N" else len(str(content).encode())

    return sum(
        len(name.split(" ")[-1].encode()) + value(*next(iter(typed.items()))) for name, typed in item.items()
    )


@pytest.fixture
def meter() -> Iterator[Meter]:
    with mock_aws():
        client, onlooker = (AWS.create_client("dynamodb") for _ in range(2))
        tables.create_tables(client)
        yield Meter(client, onlooker)


class People(NamedTuple):
    """The use cases around one running session."""

    store: SessionsTable
    sessions: Sessions
    attendance: Join
    headcount: ListenerCounter
    notices: Notifier
    connections: ConnectionsTable
    session: Session


class Sockets:
    """Everybody is reached."""

    def post(self, connection_id: str, message: object) -> bool:
        return True

    def close(self, connection_id: str) -> None:
        pass


@pytest.fixture
def people(meter: Meter) -> People:
    def clock() -> int:
        return NOW

    metrics = EmbeddedMetrics("prod")
    store = SessionsTable(meter.client, "sessions")
    connections = ConnectionsTable(meter.client, "connections")
    sessions = Sessions(store, metrics, clock)
    return People(
        store,
        sessions,
        Join(store, connections, max_listeners=500, clock=clock, sleep=lambda _seconds: None),
        ListenerCounter(
            ListenerCounts(meter.client, "sessions"),
            connections,
            Sockets(),
            clock,
            lambda _seconds: None,
            metrics.listeners_counted,
        ),
        Notifier(store, connections, Sockets(), clock, lambda _seconds: None),
        connections,
        sessions.open(wanted(), speaker=ALICE, key="a-key-of-36-characters-as-uuids-have-it", digits=3),
    )


def wanted() -> NewSession:
    return NewSession.parse({"sourceLanguage": "en", "qualityTier": "premium"})


def take_one(meter: Meter) -> None:
    RateLimitsTable(meter.client, "rate_limits").take(f"sessions#{ALICE}#495811", 50, NOW // 1000 + 3600)


def gather(people: People, listeners: int) -> None:
    """Let the speaker and so many listeners in, without the rules of the door."""
    for index in range(listeners + 1):
        people.connections.add(
            Connection(
                session_id=people.session.id,
                id=f"{index:04}M9cOFvHcCIhw=",
                session_created_at=people.session.created_at,
                role=Role.LISTENER if index else Role.SPEAKER,
                target_language=Language.SPANISH if index else None,
                joined_at=NOW,
                admitted_at=NOW,
                expires_at=NOW // 1000 + LIFETIME_S,
            )
        )


# request units


def test_a_create_uses_what_the_model_says(meter: Meter, people: People):
    with meter.running():
        take_one(meter)
        people.sessions.open(wanted(), speaker=ALICE, key="another-key-of-36-characters", digits=9)

    assert meter.units == Units(cost.CREATE.writes, cost.CREATE.reads)


def test_a_look_up_uses_what_the_model_says(meter: Meter, people: People):
    with meter.running():
        people.sessions.find(people.session.id)

    assert meter.units == Units(cost.GET.writes, cost.GET.reads)


def test_a_list_uses_what_the_model_says(meter: Meter, people: People):
    for age in range(cost.PAGE):
        people.store.add(
            replace(people.session, id=f"holy-psalm-{100 + age}", created_at=NOW - age), reusable_before=0
        )
    index = SpeakerIndex(meter.client, "sessions")

    with meter.running():
        page = index.page(ALICE, since=NOW - 1000, status=None, after=None, limit=cost.PAGE)

    assert len(page.sessions) == cost.PAGE
    assert meter.units == Units(cost.LIST.writes, cost.LIST.reads)


@pytest.mark.parametrize("change", [Change(status=Status.PAUSED), Change(status=Status.ENDED)])
def test_a_change_uses_what_the_model_says(change: Change, meter: Meter, people: People):
    asked = SimpleNamespace(change=lambda: change)

    with meter.running():
        people.sessions.change(people.session.id, asked, speaker=ALICE, versions=None)  # type: ignore[arg-type]

    assert meter.units == Units(cost.CHANGE.writes, cost.CHANGE.reads)


def test_a_notice_without_listeners_uses_what_the_model_says(meter: Meter, people: People):
    paused = people.store.update(
        people.session.id, Change(quality_tier=QualityTier.STANDARD), _guard(people.session)
    )
    assert isinstance(paused, Session)

    with meter.running():
        people.notices.session_changed(people.session, paused, time_left=lambda: 60_000)

    assert meter.units == Units(cost.NOTICE.writes, cost.NOTICE.reads)


def test_a_join_uses_what_the_model_says(meter: Meter, people: People):
    gather(people, cost.AUDIENCE)

    with meter.running():
        take_one(meter)
        people.attendance.join(
            people.session.id, CONNECTION_ID, caller=None, target_language=Language.SPANISH
        )

    assert meter.units == Units(cost.CONNECT.writes, cost.CONNECT.reads)


def test_a_leave_uses_what_the_model_says(meter: Meter, people: People):
    gather(people, 1)

    with meter.running():
        people.connections.remove(people.session.id, "0001M9cOFvHcCIhw=")

    assert meter.units == Units(cost.DISCONNECT.writes, cost.DISCONNECT.reads)


def test_a_recount_uses_what_the_model_says(meter: Meter, people: People):
    gather(people, cost.AUDIENCE)

    with meter.running():
        people.headcount.recount({SessionRef(people.session.id, people.session.created_at)})

    assert meter.units == Units(cost.RECOUNT.writes, cost.RECOUNT.reads)


# log bytes


@pytest.fixture
def log_bytes(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> Callable[[str | None], int]:
    """Count what was logged, as CloudWatch does, with the line of the access log where there is one."""
    caplog.set_level(logging.INFO)

    def count(api: str | None) -> int:
        for record in caplog.records:
            LambdaLoggerFilter().filter(record)
        lines = [JsonFormatter().format(record).strip() for record in caplog.records]
        lines += capsys.readouterr().out.splitlines()
        lines += [access_log_line(api)] if api else []
        # CloudWatch adds 26 bytes to each event:
        # https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
        return sum(len(line.encode()) + 26 for line in lines)

    return count


def access_log_line(api: str) -> str:
    """A line of the format that the module declares, each value as long as it usually is."""
    usual = {
        "requestTimeEpoch": "1784919838390",
        "routeKey": "GET /sessions/{sessionId}",
        "status": "200",
        "integration.requestId": "8f507cfc-0000-4697-b07a-ac58fc914c95",
        "connectionId": CONNECTION_ID,
        "requestId": "JKJaXmPLvHcESHA=",
        "eventType": "MESSAGE",
        "responseLatency": "123",
        "responseLength": "321",
    }
    declared = (MODULES / api / "main.tf").read_text()
    fields = re.findall(r'(\w+)\s+= "\$context\.([\w.]+)"', declared)
    assert len(fields) > 5
    return json.dumps({name: usual.get(variable, "-") for name, variable in fields}, separators=(",", ":"))


def test_a_create_logs_as_much_as_the_model_says(people: People, log_bytes: Callable[[str | None], int]):
    log_bytes(None)

    http_api.endpoint(
        lambda request: http_api.created(
            people.sessions.open(
                request.json(NewSession), speaker=request.subject, key=request.idempotency_key, digits=9
            )
        )
    )(event(CREATE, body={"sourceLanguage": "en"}), None)

    assert log_bytes("http_api") == pytest.approx(cost.CREATE.log_bytes, rel=0.05)


def test_a_look_up_logs_as_much_as_the_model_says(people: People, log_bytes: Callable[[str | None], int]):
    log_bytes(None)

    http_api.endpoint(lambda request: http_api.found(people.sessions.find(request.session_id), request))(
        event(GET, session_id=people.session.id), None
    )

    assert log_bytes("http_api") == pytest.approx(cost.GET.log_bytes, rel=0.05)


def test_a_list_logs_as_much_as_the_model_says(log_bytes: Callable[[str | None], int]):
    http_api.endpoint(lambda request: http_api.listed([], None) if request.subject else http_api.deleted())(
        event(LIST), None
    )

    assert log_bytes("http_api") == pytest.approx(cost.LIST.log_bytes, rel=0.05)


def test_a_change_logs_as_much_as_the_model_says(people: People, log_bytes: Callable[[str | None], int]):
    log_bytes(None)

    http_api.endpoint(
        lambda request: http_api.updated(people.session) if request.subject else http_api.deleted()
    )(event(UPDATE), None)

    assert log_bytes("http_api") == pytest.approx(cost.CHANGE.log_bytes, rel=0.05)


@pytest.mark.parametrize(("route", "use"), [("$connect", cost.CONNECT), ("$disconnect", cost.DISCONNECT)])
def test_coming_and_going_log_as_much_as_the_model_says(
    route: str, use: cost.Use, log_bytes: Callable[[str | None], int]
):
    sent = {
        "requestContext": {"routeKey": route, "requestId": "JKJaXmPLvHcESHA=", "connectionId": CONNECTION_ID}
    }

    websocket_api.endpoint(lambda request: websocket_api.accepted())(sent, None)

    assert log_bytes("websocket_api") == pytest.approx(use.log_bytes, rel=0.05)


def test_a_recount_logs_as_much_as_the_model_says(people: People, log_bytes: Callable[[str | None], int]):
    gather(people, 3)
    log_bytes(None)

    people.headcount.recount({SessionRef(people.session.id, people.session.created_at)})

    assert log_bytes(None) == pytest.approx(cost.RECOUNT.log_bytes, rel=0.05)


def test_a_heartbeat_logs_as_much_as_the_model_says(log_bytes: Callable[[str | None], int]):
    assert log_bytes("websocket_api") == pytest.approx(cost.HEARTBEAT.log_bytes, rel=0.05)


# the document


def test_the_documents_tables_are_the_models():
    document = cost.DOCUMENT.read_text()

    assert cost.written(document) == document, "Write them again: python -m scripts.docs.cost"


def test_the_document_says_each_assumption():
    document = re.sub(r"\s+", " ", cost.DOCUMENT.read_text())

    for said in (
        f"{cost.COLD_SHARE:.0%} of invocations",
        f"{cost.COLD_MS} ms",
        f"{cost.AUDIENCE} listeners",
        f"{cost.HEARTBEATS_PER_HOUR} heartbeats",
        f"{cost.PAGE} sessions",
        f"{cost.CHANGES_PER_HOUR} times an hour",
        f"{cost.MEMORY_GB * 1024:g} MB",
    ):
        assert said in document, said


def test_functions_have_the_memory_that_is_paid_for():
    declared = (MODULES / "function/main.tf").read_text()

    assert f"memory_size   = {cost.MEMORY_GB * 1024:g}\n" in declared


def _guard(session: Session) -> Any:
    return Precondition.of(
        Change(quality_tier=QualityTier.STANDARD), action="update", speaker=ALICE, now=NOW, versions=None
    )
