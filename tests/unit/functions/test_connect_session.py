"""$connect, from the event to the tables."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from shared.audience.join import Join
from shared.aws.connections_table import ConnectionsTable
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Session, Status
from tests.support.clock import Clock
from tests.support.handlers import ADDRESS_KEY, load_handler
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import (
    CONNECTIONS_TABLE,
    RATE_LIMITS_TABLE,
    SESSIONS_TABLE,
    create_tables,
    record_calls,
)
from tests.support.websocket_events import ADDRESS, connect

HANDLER = load_handler("connect_session")
CLIENT = HANDLER.join._connections._client
CLIENTS = [CLIENT, HANDLER.join._get_session._sessions._client, HANDLER.joins_per_address.store._client]


@pytest.fixture
def session(clock: Clock) -> Iterator[Session]:
    """Create the tables and a session of Alice's."""
    session = a_session()
    with mock_aws():
        create_tables(CLIENT)
        put(session)
        yield session


def put(session: Session) -> None:
    SessionsTable(CLIENT, SESSIONS_TABLE).add(session, reusable_before=10**12)


def invoke(**request: Any) -> tuple[int, dict[str, Any]]:
    """Invoke the handler; return the status and the body, {} if there is none."""
    response = HANDLER.handler(connect(**request), None)
    return response["statusCode"], json.loads(response.get("body", "{}"))


def rows(table: str = CONNECTIONS_TABLE) -> list[dict[str, Any]]:
    return list(CLIENT.scan(TableName=table)["Items"])


def test_a_listener_is_admitted_with_six_calls(session: Session):
    with record_calls(*CLIENTS) as calls:
        status, body = invoke(language="es")

    assert (status, body) == (200, {})
    assert calls == [
        "rate_limits:UpdateItem",
        "sessions:GetItem",
        "connections:PutItem",
        "connections:Query",
        "sessions:GetItem",
        "connections:UpdateItem",
    ]


def test_the_speaker_is_admitted_without_counting_listeners(session: Session):
    with record_calls(*CLIENTS) as calls:
        status, _ = invoke(speaker=ALICE)

    assert status == 200
    assert "connections:Query" not in calls
    assert [row["role"] for row in rows()] == [{"S": "speaker"}]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"session_id": None, "language": "es"}, "sessionId"),
        ({"session_id": "", "language": "es"}, "sessionId"),
        ({"language": "xx"}, "targetLanguage"),
        ({}, "targetLanguage"),
        ({"speaker": BOB}, "targetLanguage"),
    ],
)
def test_an_invalid_request_is_400_and_names_the_parameter(
    session: Session, request_: dict[str, Any], field: str
):
    status, body = invoke(**request_)

    assert (status, body["code"], body["details"][0]["field"]) == (400, "INVALID_REQUEST", field)
    assert rows() == []


@pytest.mark.parametrize("session_id", ["holy-psalm-100", "nonsense", "../../etc", "x" * 4000])
def test_an_unknown_session_is_404(session: Session, session_id: str):
    status, body = invoke(session_id=session_id, language="es")

    assert (status, body["code"]) == (404, "SESSION_NOT_FOUND")


def test_an_expired_session_is_404(session: Session):
    put(replace(session, expires_at=NOW_S))

    assert invoke(language="es")[0] == 404


@pytest.mark.parametrize("speaker", [ALICE, None])
def test_an_ended_session_is_410_even_for_its_speaker(session: Session, speaker: str | None):
    put(replace(session, status=Status.ENDED, ended_at=NOW))

    status, body = invoke(speaker=speaker, language=None if speaker else "es")

    assert (status, body["code"]) == (410, "SESSION_ENDED")
    assert rows() == []


def test_a_full_session_is_503_and_the_rejected_connection_has_no_row(
    session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    join = Join(
        HANDLER.join._get_session._sessions,
        ConnectionsTable(CLIENT, CONNECTIONS_TABLE),
        max_listeners=1,
        clock=clock,
        sleep=lambda seconds: pytest.fail(f"waited {seconds} s"),
    )
    monkeypatch.setattr(HANDLER, "join", join)
    invoke(connection_id="first", language="es")

    status, body = invoke(connection_id="second", language="es")

    assert (status, body["code"]) == (503, "SESSION_FULL")
    assert [row["connectionId"]["S"] for row in rows()] == ["first"]


# The rate limit


def test_the_eleventh_connection_from_an_address_within_a_minute_is_429(session: Session):
    statuses = [invoke(connection_id=f"c{number}", language="es")[0] for number in range(11)]

    assert statuses == [200] * 10 + [429]


def test_a_429_says_after_how_many_seconds_to_retry(
    session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=1))
    clock.now = (NOW // 60_000 + 1) * 60_000 + 18_000  # 18 s into a minute
    invoke(connection_id="first", language="es")

    response = HANDLER.handler(connect(connection_id="second", language="es"), None)

    assert (response["statusCode"], json.loads(response["body"])["code"]) == (429, "RATE_LIMITED")
    assert response["headers"]["Retry-After"] == "42"
    assert [row["connectionId"]["S"] for row in rows()] == ["first"]


def test_each_address_has_its_own_rate_limit(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=1))
    invoke(connection_id="first", language="es")

    assert invoke(connection_id="second", language="es", address="203.0.113.78")[0] == 200


def test_an_invalid_request_does_not_count_towards_the_rate_limit(session: Session):
    for _ in range(3):
        invoke(session_id=None)
        invoke(language="xx")

    assert rows(RATE_LIMITS_TABLE) == []


@pytest.mark.parametrize("address", [ADDRESS, "2001:db8::7"])
def test_addresses_are_neither_stored_nor_logged(
    session: Session, address: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    with caplog.at_level(logging.DEBUG, logger="request"):
        invoke(language="es", address=address)
        invoke(session_id="holy-psalm-100", language="es", address=address)

    stored = json.dumps([rows(table) for table in (CONNECTIONS_TABLE, RATE_LIMITS_TABLE, SESSIONS_TABLE)])
    logged = json.dumps([vars(record) for record in caplog.records], default=str) + capsys.readouterr().out
    assert [record.status for record in caplog.records if record.name == "request"] == [200, 404]
    assert address not in stored + logged
    assert ADDRESS_KEY not in stored + logged


def test_addresses_are_distinguished_by_a_keyed_digest():
    digest = HANDLER.address_digest

    assert digest(ADDRESS) == digest(ADDRESS)
    assert len({digest(ADDRESS), digest("203.0.113.78"), digest("2001:db8::7")}) == 3
    assert digest(ADDRESS) == "6cd79169cecf672a52cdba3ea37c91eb"


def test_an_unavailable_rate_limits_table_is_counted_and_rejects_no_connection(
    session: Session, capsys: pytest.CaptureFixture[str]
):
    CLIENT.delete_table(TableName=RATE_LIMITS_TABLE)

    status, _ = invoke(language="es")

    metric = json.loads(capsys.readouterr().out)
    assert status == 200
    assert (metric["RateLimitUnavailableCount"], metric["Environment"]) == (1, "test")


def test_the_rate_limits_table_is_not_called_with_the_rate_limit_off(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=0))

    with record_calls(*CLIENTS) as calls:
        invoke(language="es")

    assert not [call for call in calls if call.startswith(RATE_LIMITS_TABLE)]


# Faults of DynamoDB


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "Query", "UpdateItem"])
def test_a_closed_connection_to_dynamodb_is_503_and_leaves_no_row(session: Session, operation: str):
    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="dynamodb")

    clients = CLIENTS[:2]
    for client in clients:
        client.meta.events.register(f"before-call.dynamodb.{operation}", fail)
    try:
        status, body = invoke(language="es")
    finally:
        for client in clients:
            client.meta.events.unregister(f"before-call.dynamodb.{operation}", fail)

    assert (status, body["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert rows() == []
