"""$connect, from the event to the tables."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ConnectionClosedError
from moto import mock_aws

from shared.audience.connection import SessionRef
from shared.aws.audiences_table import AudiencesTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.sessions_table import SessionsTable
from shared.errors import ServiceUnavailable
from shared.sessions.session import Session, Status
from tests.support.clock import Clock
from tests.support.connections import a_listener
from tests.support.handlers import ADDRESS_KEY, load_handler
from tests.support.network import Network
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.tables import (
    AUDIENCES_TABLE,
    CONNECTIONS_TABLE,
    RATE_LIMITS_TABLE,
    SESSIONS_TABLE,
    create_tables,
    record_calls,
)
from tests.support.websocket_events import ADDRESS, connect

HANDLER = load_handler("connect_session")
CLIENT = HANDLER.client
CLIENTS = [CLIENT, HANDLER.joins_per_address.store._client]


@pytest.fixture
def session(clock: Clock) -> Iterator[Session]:
    """Create the tables and a session of Alice's."""
    session = a_session()
    HANDLER.join._full_until.clear()
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


def occupy(places: int) -> None:
    """Add this many listeners to the session."""
    audiences = AudiencesTable(CLIENT, AUDIENCES_TABLE)
    present = len(rows())
    for number in range(present, present + places):
        ConnectionsTable(CLIENT, CONNECTIONS_TABLE).add(a_listener(id=f"listener-{number}"))
        audiences.take(SessionRef("blessed-shepherd-427", NOW), limit=500, delete_at=NOW_S)


def outcomes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the outcomes that were counted since the last call."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line["Outcome"] for line in lines if "JoinCount" in line]


def rows(table: str = CONNECTIONS_TABLE) -> list[dict[str, Any]]:
    return list(CLIENT.scan(TableName=table)["Items"])


def test_a_listener_is_admitted_with_six_calls_however_many_there_are(session: Session):
    calls_by_listeners = {}
    for listeners in (0, 10, 250, 490, 499):
        occupy(listeners - len(rows()))
        with record_calls(*CLIENTS) as calls:
            assert invoke(language="es", connection_id=f"joined-{listeners}=") == (200, {})
        calls_by_listeners[listeners] = calls

    expected = [
        "rate_limits:UpdateItem",
        "sessions:GetItem",
        "connections:PutItem",
        "audiences:UpdateItem",
        "sessions:GetItem",
        "connections:UpdateItem",
    ]
    assert calls_by_listeners == dict.fromkeys((0, 10, 250, 490, 499), expected)


def test_the_speaker_is_admitted_without_a_place(session: Session):
    status, _ = invoke(speaker=ALICE)

    assert status == 200
    assert rows(AUDIENCES_TABLE) == []
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


def test_a_full_session_is_503_and_the_rejected_connection_has_no_row(session: Session):
    put(replace(session, max_listeners=1))
    invoke(connection_id="first", language="es")

    with record_calls(*CLIENTS) as calls:
        status, body = invoke(connection_id="second", language="es")

    assert (status, body["code"]) == (503, "SESSION_FULL")
    assert [row["connectionId"]["S"] for row in rows()] == ["first"]
    assert calls == [
        "rate_limits:UpdateItem",
        "sessions:GetItem",
        "connections:PutItem",
        "audiences:UpdateItem",
        "audiences:UpdateItem",  # nobody has counted it
        "audiences:GetItem",
        "connections:Query",
        "audiences:UpdateItem",
        "connections:DeleteItem",
    ]


def test_a_session_that_was_just_full_is_503_with_two_calls(session: Session):
    put(replace(session, max_listeners=1))
    for connection_id in ("first", "second"):
        invoke(connection_id=connection_id, language="es")

    with record_calls(*CLIENTS) as calls:
        status, body = invoke(connection_id="third", language="es")

    assert (status, body["code"]) == (503, "SESSION_FULL")
    assert calls == ["rate_limits:UpdateItem", "sessions:GetItem"]


def test_a_session_that_has_ended_is_410_although_it_was_just_full(session: Session):
    put(replace(session, max_listeners=1))
    for connection_id in ("first", "second"):
        invoke(connection_id=connection_id, language="es")
    put(replace(session, status=Status.ENDED, ended_at=NOW))

    assert invoke(connection_id="third", language="es")[0] == 410


def test_the_places_are_deleted_three_hours_after_the_session_has_expired(session: Session):
    invoke(language="es")

    (places,) = rows(AUDIENCES_TABLE)
    assert places["deleteAt"] == {"N": str(session.expires_at + 3 * 60 * 60)}


def test_a_first_try_of_the_row_that_arrives_last_un_admits_nobody(
    session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))
    network = Network(CLIENT)
    network.delay("PutItem")
    try:
        status, _ = invoke(language="es")
        admitted = rows()
        (deliver,) = network.late
        deliver()
    finally:
        network.close()

    assert status == 200
    assert "admittedAt" in admitted[0]
    assert rows() == admitted


# The metric


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        ({"language": "es"}, "joined"),
        ({"speaker": ALICE}, "joined"),
        ({}, "refused"),
        ({"session_id": None, "language": "es"}, "refused"),
        ({"session_id": "holy-psalm-100", "language": "es"}, "refused"),
    ],
    ids=["listener", "speaker", "no language", "no session id", "unknown session"],
)
def test_each_join_is_counted_once_by_its_outcome(
    session: Session, request_: dict[str, Any], outcome: str, capsys: pytest.CaptureFixture[str]
):
    invoke(**request_)

    assert outcomes(capsys) == [outcome]


def test_a_full_session_and_the_rate_limit_are_outcomes_of_their_own(
    session: Session, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    put(replace(session, max_listeners=1))
    monkeypatch.setattr(HANDLER, "joins_per_address", replace(HANDLER.joins_per_address, limit=2))

    for connection_id in ("first", "second", "third"):
        invoke(connection_id=connection_id, language="es")

    assert outcomes(capsys) == ["joined", "full", "limited"]


@pytest.mark.parametrize("error", [ServiceUnavailable(), ZeroDivisionError()], ids=["AWS", "bug"])
def test_a_fault_is_an_outcome_of_its_own(
    session: Session, error: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(HANDLER, "join", fail)

    invoke(language="es")

    assert outcomes(capsys) == ["fault"]


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

    metric, _ = map(json.loads, capsys.readouterr().out.splitlines())
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


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "UpdateItem"])
def test_a_closed_connection_to_dynamodb_is_503_and_leaves_no_row(session: Session, operation: str):
    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="dynamodb")

    CLIENT.meta.events.register(f"before-call.dynamodb.{operation}", fail)
    try:
        status, body = invoke(language="es")
    finally:
        CLIENT.meta.events.unregister(f"before-call.dynamodb.{operation}", fail)

    assert (status, body["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert rows() == []


# subprotocols


@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ("sessions.v1", "sessions.v1"),
        ("sessions.v1, bearer.a.b.c", "sessions.v1"),
        ("bearer.a.b.c,sessions.v1", "sessions.v1"),
        ("bearer.a.b.c", None),
        ("chat, sessions.v2", None),
        (None, None),
    ],
)
def test_the_subprotocol_of_the_service_is_selected_and_never_the_one_with_the_token(
    session: Session, offered: str | None, selected: str | None
):
    event = connect(language="es")
    event["headers"] |= {"Sec-WebSocket-Protocol": offered} if offered else {}

    response = HANDLER.handler(event, None)

    assert response["statusCode"] == 200
    assert response["headers"] == ({"Sec-WebSocket-Protocol": selected} if selected else {})
