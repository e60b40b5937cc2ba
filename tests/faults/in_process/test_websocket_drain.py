"""The end of a session with a large audience, and connections whose $disconnect was lost."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.local.lambda_.aliases import Aliases
from scripts.local.lambda_.invocation import Result
from scripts.local.system import System
from shared.audience.connection import Connection, Role
from shared.audience.delivery import MAX_PARALLEL
from shared.aws import connections_table
from shared.sessions.session import Language
from tests.faults.in_process.conftest import Session, age_rows, dynamodb, processes_of, table
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient, WebSocketClients

AdmitAll = Callable[[int], list[WebSocketClient]]


class AdmittingFunctions:
    """Answers handshakes itself and admits everybody, since a thousand handshakes would take a minute."""

    def __init__(self, functions: Aliases, session_id: str) -> None:
        self._invoke = functions.invoke
        self._context = {"sessionId": session_id, "subject": ""}

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        if function.endswith("-authorize_connection"):
            statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
            response = {
                "principalId": "listener",
                "policyDocument": {"Statement": [statement]},
                "context": self._context,
            }
            return Result(json.dumps(response).encode())
        if function.endswith("-connect_session"):
            return Result(b'{"statusCode": 200}')
        return await self._invoke(function, payload, trace_id=trace_id)


def write_rows(local: System, session: Session, connection_ids: list[str]) -> None:
    """Write the rows of listeners who connected a minute ago."""
    client, name = dynamodb(local), table(local, "connections")
    created_at, now = session.read()["createdAt"], int(time.time() * 1000)
    items = [
        connections_table.to_item(
            Connection(
                session_id=session.id,
                id=connection_id,
                session_created_at=created_at,
                role=Role.LISTENER,
                target_language=Language.SPANISH,
                joined_at=now - 60_000,
                admitted_at=now - 60_000,
                expires_at=now // 1000 + 3600,
            )
        )
        for connection_id in connection_ids
    ]
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        client.batch_write_item(RequestItems={name: puts})


@pytest.fixture
def admit(
    local: System, session: Session, clients: WebSocketClients, monkeypatch: pytest.MonkeyPatch
) -> AdmitAll:
    """Return a way to connect a number of listeners to the session."""

    def connect(number: int) -> list[WebSocketClient]:
        functions = AdmittingFunctions(local.functions, session.id)
        monkeypatch.setattr(local.functions, "invoke", functions.invoke)
        opened = clients.open_all(local.websocket_url, [{}] * number)
        write_rows(local, session, list(local.connections))
        return [client for client in opened if isinstance(client, WebSocketClient)]

    return connect


def processor_seconds(function: str) -> float:
    """Return the processor time that the processes of a function have used."""
    ticks = 0
    for pid in processes_of(function):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def test_disconnecting_a_thousand_clients_takes_less_than_twenty_seconds_of_a_processor(
    session: Session, admit: AdmitAll
):
    """The function has one whole processor on AWS: 1,769 MB."""
    listeners = admit(1_000)
    assert len(listeners) == 1_000
    before = processor_seconds("session_changed")

    session.end()

    eventually(lambda: all(listener.closed for listener in listeners))
    eventually(lambda: session.rows() == [])
    assert processor_seconds("session_changed") - before < 20
    assert all(listener.types() == ["sessionEnded"] for listener in listeners)
    eventually(lambda: session.read()["listenerCount"] == 0)


def test_a_function_that_is_killed_while_it_disconnects_clients_continues_after_its_restart(
    session: Session, admit: AdmitAll, local: System
):
    listeners = admit(300)
    remaining = len(local.connections) - 100

    # API Gateway is busy as soon as a hundred connections are closed.
    local.management_api.forced_status = lambda _, __: 429 if len(local.connections) <= remaining else None
    session.end()
    eventually(lambda: len(local.connections) <= remaining)
    killed = processes_of("session_changed")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    local.management_api.forced_status = lambda _, __: None

    assert killed
    eventually(lambda: all(listener.closed for listener in listeners))
    eventually(lambda: session.rows() == [])
    assert all("sessionEnded" in listener.types() for listener in listeners)
    # The message was sent twice only to connections that were about to be closed at that moment.
    assert sum(listener.types().count("sessionEnded") > 1 for listener in listeners) <= MAX_PARALLEL


def test_ending_a_session_does_not_wait_for_its_audience(session: Session, local: System):
    write_rows(local, session, [f"{number:015d}=" for number in range(200)])
    local.management_api.forced_status = lambda _, __: 429

    session.end()

    # No connection can be closed while API Gateway is busy.
    assert len(session.rows()) == 200
    assert session.read()["status"] == "ended"
    local.management_api.forced_status = lambda _, __: None
    eventually(lambda: session.rows() == [])


def test_connections_whose_disconnect_was_lost_are_removed_with_the_next_message(session: Session):
    speaker = session.speaker()
    listeners = [session.listener() for _ in range(6)]
    eventually(lambda: session.read()["listenerCount"] == 6)
    lost = iter([True, False] * 3)
    session.local.websockets.loses_disconnect = lambda _: next(lost)

    for listener in listeners:
        listener.close()
    eventually(lambda: session.read()["listenerCount"] == 3)
    # A connection whose handshake may still be going on is not removed.
    age_rows(session)
    session.change(status="paused")

    eventually(lambda: [row["role"]["S"] for row in session.rows()] == ["speaker"])
    eventually(lambda: session.read()["listenerCount"] == 0)
    eventually(lambda: speaker.notices[-1].get("listenerCount") == 0)


def test_connections_whose_disconnect_was_lost_do_not_delay_the_end(session: Session):
    listeners = [session.listener() for _ in range(6)]
    lost = iter([True, False] * 3)
    session.local.websockets.loses_disconnect = lambda _: next(lost)
    for listener in listeners:
        listener.close()
    eventually(lambda: len(session.rows()) == 3)
    age_rows(session)

    session.end()

    eventually(lambda: session.rows() == [])
    eventually(lambda: session.read()["listenerCount"] == 0)
