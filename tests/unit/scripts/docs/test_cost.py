"""The cost model bills exactly the calls that the functions make."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from scripts.docs.cost import FAN_OUT_MEMORY_MB, LISTENER_HOUR, MEMORY_MB, OPERATIONS, UPDATE_COUNT
from scripts.project import ROOT
from tests.support import http_events, tables, websocket_events
from tests.support.aws_calls import recorded_calls
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.http_events import CREATE, DELETE, GET, LIST, SPEAKER, UPDATE

Handler = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """Record the calls of the functions. DynamoDB is moto."""
    with mock_aws():
        tables.create_tables(botocore.session.get_session().create_client("dynamodb"))
        with recorded_calls() as calls:
            yield calls


def handler(function: str) -> Handler:
    """Load the handler of a Lambda function."""
    module = load_handler(function)
    return lambda event: module.handler(event, LAMBDA_CONTEXT)


def test_the_model_lists_the_calls_of_each_operation(
    calls: list[str], socket_disabled: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # presence_changed waits for ten seconds
    http = {
        name: handler(f"{name}_session{'s' if name == 'list' else ''}")
        for name in ("create", "get", "list", "update", "delete")
    }
    connect, disconnect = handler("connect_session"), handler("disconnect_session")
    session_changed, connections_changed = handler("session_changed"), handler("connections_changed")
    presence_changed, sweep_sessions = handler("presence_changed"), handler("sweep_sessions")
    client = botocore.session.get_session().create_client("dynamodb")
    sessions, connections = (
        tables.Stream(client, table) for table in (tables.SESSIONS_TABLE, tables.CONNECTIONS_TABLE)
    )
    measured: dict[str, Counter[str]] = {}

    def measure(operation: str, handle: Handler, event: dict[str, Any]) -> dict[str, Any]:
        calls.clear()
        response = handle(event)
        measured[operation] = Counter(calls)
        return response

    created = measure("create", http["create"], http_events.event(CREATE, body={"sourceLanguage": "en"}))
    session_id = json.loads(created["body"])["sessionId"]
    keyed = http_events.event(CREATE, body={"sourceLanguage": "en"}, headers={"Idempotency-Key": "k"})
    measure("create with a key", http["create"], keyed)
    measure("get", http["get"], http_events.event(GET, session_id=session_id))
    measure("list", http["list"], http_events.event(LIST))
    connect(websocket_events.connect(session_id, connection_id="speaker", speaker=SPEAKER))
    speaker_connects = {"Records": connections.new_records()}
    measure("count after the speaker connects", connections_changed, speaker_connects)
    connect(websocket_events.connect(session_id, connection_id="leaving", language="es"))
    measure("connect", connect, websocket_events.connect(session_id, connection_id="staying", language="es"))
    sessions.new_records()
    measure("count listeners", connections_changed, {"Records": connections.new_records()})
    new_counts = sessions.new_records()
    measure("ignore a new count", session_changed, {"Records": new_counts})
    disconnect(websocket_events.disconnect(session_id, connection_id="speaker"))
    connections_changed({"Records": connections.new_records()})
    measure("notify of an absence", presence_changed, {"Records": sessions.new_records()[-1:]})
    connect(websocket_events.connect(session_id, connection_id="speaker", speaker=SPEAKER))
    measure("disconnect", disconnect, websocket_events.disconnect(session_id, connection_id="leaving"))
    measure("sweep", sweep_sessions, {"time": datetime.now(UTC).isoformat()})
    sessions.new_records()
    pause = http_events.event(UPDATE, session_id=session_id, body={"status": "paused"})
    measure("update", http["update"], pause)
    measure("notify of an update", session_changed, {"Records": sessions.new_records()})
    measure("delete", http["delete"], http_events.event(DELETE, session_id=session_id))
    measure("notify of the end", session_changed, {"Records": sessions.new_records()})

    # Each write of a count to the session invokes session_changed, which ignores it.
    assert len(new_counts) == OPERATIONS["count listeners"].calls.count(UPDATE_COUNT)
    connected = ["speaker", "staying"]
    assert measured | {"heartbeat": Counter()} == {
        name: Counter(call.name for call in operation.calls + operation.calls_per_connection * len(connected))
        for name, operation in OPERATIONS.items()
    }


def test_a_listener_hour_bills_the_invocations_that_its_counts_cause():
    invocations = {
        name: OPERATIONS[name].use.invocations for name in ("connect", "disconnect", "count listeners")
    }

    # A join and a leave, with one count each and one write of each count.
    assert LISTENER_HOUR.invocations == sum(invocations.values()) + invocations["count listeners"] + 2


def test_the_model_bills_the_memory_that_functions_have():
    root = "".join((ROOT / "terraform" / name).read_text() for name in ("main.tf", "functions.tf"))

    assert re.findall(r"function_memory_mb +=( \d+)", root) == [f" {MEMORY_MB}"]
    assert re.findall(r"one_processor_mb =( \d+)", root) == [f" {FAN_OUT_MEMORY_MB}"]
