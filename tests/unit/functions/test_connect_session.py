"""$connect, from the event to the tables."""

import json
import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from shared.audience.join import Join
from shared.aws.connections_table import ConnectionsTable
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import LIFETIME_S, Session, Status
from tests.support.handlers import ADDRESS_KEY, load_handler
from tests.support.sessions import ALICE, BOB, a_session
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
CLIENTS = [CLIENT, HANDLER.join._sessions._client, HANDLER.joins_per_address.store._client]


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture
def session() -> Iterator[Session]:
    """Make the tables, and open a session of Alice's."""
    now = HANDLER.joins_per_address.clock()
    opened = a_session(created_at=now, updated_at=now, version=now, expires_at=now // 1000 + LIFETIME_S)
    with mock_aws():
        create_tables(CLIENT)
        put(opened)
        yield opened


def put(session: Session) -> None:
    SessionsTable(CLIENT, SESSIONS_TABLE).add(session, reusable_before=10**12)


def invoke(**asked: Any) -> tuple[int, dict[str, Any]]:
    """Send $connect; return the status, and the body if there is one."""
    answer = HANDLER.handler(connect(**asked), None)
    return answer["statusCode"], json.loads(answer.get("body", "{}"))


def rows(table: str = CONNECTIONS_TABLE) -> list[dict[str, Any]]:
    return list(CLIENT.scan(TableName=table)["Items"])


def test_a_listener_is_let_in_with_six_calls(session: Session):
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


def test_the_speaker_is_let_in_without_counting_listeners(session: Session):
    with record_calls(*CLIENTS) as calls:
        status, _ = invoke(speaker=ALICE)

    assert status == 200
    assert "connections:Query" not in calls
    assert [row["role"] for row in rows()] == [{"S": "speaker"}]


@pytest.mark.parametrize(
    ("asked", "status", "field"),
    [
        ({"session_id": None, "language": "es"}, 400, "sessionId"),
        ({"session_id": "", "language": "es"}, 400, "sessionId"),
        ({"language": "xx"}, 400, "targetLanguage"),
        ({}, 400, "targetLanguage"),
        ({"speaker": BOB}, 400, "targetLanguage"),
    ],
)
def test_a_bad_request_is_400_naming_the_parameter(
    session: Session, asked: dict[str, Any], status: int, field: str
):
    answered, body = invoke(**asked)

    assert (answered, body["code"], body["details"][0]["field"]) == (status, "INVALID_REQUEST", field)
    assert rows() == []


@pytest.mark.parametrize("session_id", ["holy-psalm-100", "nonsense", "../../etc", "x" * 4000])
def test_a_session_that_is_not_there_is_404(session: Session, session_id: str):
    status, body = invoke(session_id=session_id, language="es")

    assert (status, body["code"]) == (404, "SESSION_NOT_FOUND")


def test_an_expired_session_is_404(session: Session):
    put(replace(session, expires_at=session.created_at // 1000))

    assert invoke(language="es")[0] == 404


@pytest.mark.parametrize("speaker", [ALICE, None])
def test_an_ended_session_is_410_even_for_its_speaker(session: Session, speaker: str | None):
    put(replace(session, status=Status.ENDED, ended_at=session.created_at))

    status, body = invoke(speaker=speaker, language=None if speaker else "es")

    assert (status, body["code"]) == (410, "SESSION_ENDED")
    assert rows() == []


def test_a_full_session_is_503_and_the_row_is_taken_back(session: Session, monkeypatch: pytest.MonkeyPatch):
    join = Join(
        HANDLER.join._sessions,
        ConnectionsTable(CLIENT, CONNECTIONS_TABLE),
        max_listeners=1,
        clock=HANDLER.joins_per_address.clock,
        sleep=time.sleep,
    )
    monkeypatch.setattr(HANDLER, "join", join)
    invoke(connection_id="first", language="es")

    status, body = invoke(connection_id="second", language="es")

    assert (status, body["code"]) == (503, "SESSION_FULL")
    assert [row["connectionId"]["S"] for row in rows()] == ["first"]


# how often one address may come


def test_the_eleventh_join_of_a_minute_from_one_address_is_429(session: Session):
    statuses = [invoke(connection_id=f"c{number}", language="es")[0] for number in range(11)]
    answer = HANDLER.handler(connect(language="es"), None)

    # Should a minute of the clock end meanwhile, the twelfth may be the second of the next.
    assert statuses[:10] == [200] * 10
    assert 429 in (statuses[10], answer["statusCode"])


def test_a_refusal_by_the_limit_says_when_to_come_back(session: Session, monkeypatch: pytest.MonkeyPatch):
    limit = replace(
        HANDLER.joins_per_address, limit=1, clock=lambda: session.created_at // 60_000 * 60_000 + 18_000
    )
    monkeypatch.setattr(HANDLER, "joins_per_address", limit)
    invoke(connection_id="first", language="es")

    answer = HANDLER.handler(connect(connection_id="second", language="es"), None)

    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (429, "RATE_LIMITED")
    assert answer["headers"]["Retry-After"] == "42"
    assert [row["connectionId"]["S"] for row in rows()] == ["first"]


def test_another_address_is_counted_for_itself(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=1))
    invoke(connection_id="first", language="es")

    assert invoke(connection_id="second", language="es", address="203.0.113.78")[0] == 200


def test_a_bad_request_costs_nobody_a_join(session: Session):
    for _ in range(3):
        invoke(session_id=None)
        invoke(language="xx")

    assert rows(RATE_LIMITS_TABLE) == []


@pytest.mark.parametrize("address", [ADDRESS, "2001:db8::7"])
def test_an_address_is_in_no_row_and_no_line(
    session: Session, address: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    with caplog.at_level(logging.DEBUG, logger="request"):
        invoke(language="es", address=address)
        invoke(session_id="holy-psalm-100", language="es", address=address)

    kept = json.dumps([rows(table) for table in (CONNECTIONS_TABLE, RATE_LIMITS_TABLE, SESSIONS_TABLE)])
    said = json.dumps([vars(record) for record in caplog.records], default=str) + capsys.readouterr().out
    assert [record.status for record in caplog.records if record.name == "request"] == [200, 404]
    assert address not in kept + said
    assert ADDRESS_KEY not in kept + said


def test_an_address_is_known_by_a_digest_that_needs_the_key():
    digest = HANDLER.address_digest

    assert digest(ADDRESS) == digest(ADDRESS)
    assert len({digest(ADDRESS), digest("203.0.113.78"), digest("2001:db8::7")}) == 3
    assert digest(ADDRESS) == "6cd79169cecf672a52cdba3ea37c91eb"


def test_joining_goes_on_when_the_limits_table_is_down_and_it_is_said(
    session: Session, capsys: pytest.CaptureFixture[str]
):
    CLIENT.delete_table(TableName=RATE_LIMITS_TABLE)

    status, _ = invoke(language="es")

    metric = json.loads(capsys.readouterr().out)
    assert status == 200
    assert (metric["RateLimitUnavailableCount"], metric["Environment"]) == (1, "test")


def test_with_the_limit_off_its_table_is_not_asked(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=0))

    with record_calls(*CLIENTS) as calls:
        invoke(language="es")

    assert not [call for call in calls if call.startswith(RATE_LIMITS_TABLE)]


# faults


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "Query", "UpdateItem"])
def test_a_table_that_does_not_answer_is_503_and_no_row_is_left(session: Session, operation: str):
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
