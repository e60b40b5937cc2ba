"""The contract of ConnectionStore, for the store in memory and the connections table."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from shared.audience.connection import Connection, Role
from shared.audience.ports import ConnectionStore
from shared.aws.connections_table import SCHEMA, ConnectionsTable
from shared.sessions.session import Language
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections
from tests.support.sessions import NOW, NOW_S
from tests.support.tables import CONNECTIONS_TABLE, record_requests

SESSION_ID = "blessed-shepherd-427"


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ConnectionStore:
    if request.param == "memory":
        return MemoryConnections()
    return ConnectionsTable(request.getfixturevalue("client"), CONNECTIONS_TABLE)


@pytest.mark.parametrize(
    "connection",
    [a_waiting_listener(), a_listener(), a_speaker()],
    ids=["waiting listener", "listener", "speaker"],
)
def test_an_added_connection_is_read_back_unchanged(store: ConnectionStore, connection: Connection):
    store.add(connection)

    assert store.of_session(SESSION_ID) == [connection]


def test_fields_are_read_back_with_their_types(store: ConnectionStore):
    store.add(a_listener())

    (row,) = store.of_session(SESSION_ID)

    assert (type(row.role), type(row.target_language)) == (Role, Language)
    assert {
        type(value) for value in (row.session_created_at, row.joined_at, row.admitted_at, row.expires_at)
    } == {int}


def test_each_session_has_its_own_connections(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="a", session_id="holy-psalm-100"))

    assert [row.session_id for row in store.of_session("holy-psalm-100")] == ["holy-psalm-100"]
    assert store.of_session("holy-psalm-101") == []


def test_an_expired_connection_is_returned(store: ConnectionStore):
    store.add(a_listener(expires_at=NOW_S - 1))

    assert len(store.of_session(SESSION_ID)) == 1


def test_connections_of_an_earlier_session_with_the_same_id_are_returned(store: ConnectionStore):
    store.add(a_listener(id="old", session_created_at=NOW - 1))
    store.add(a_listener(id="new"))

    assert {row.id for row in store.of_session(SESSION_ID)} == {"old", "new"}


def test_admission_sets_its_time_and_the_expiry_and_no_other_field(store: ConnectionStore):
    connection = a_waiting_listener()
    store.add(connection)

    assert store.admit(connection, NOW + 7, NOW_S + 60) is True

    assert store.of_session(SESSION_ID) == [replace(connection, admitted_at=NOW + 7, expires_at=NOW_S + 60)]


def test_admission_does_not_create_a_row(store: ConnectionStore):
    assert store.admit(a_waiting_listener(), NOW, NOW_S + 60) is False

    assert store.of_session(SESSION_ID) == []


def test_removal_is_idempotent_and_removes_one_connection(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="b"))

    store.remove(SESSION_ID, "a")
    store.remove(SESSION_ID, "a")
    store.remove("holy-psalm-100", "b")

    assert [row.id for row in store.of_session(SESSION_ID)] == ["b"]


# DynamoDB only


def test_the_schema_has_every_field_of_a_connection():
    assert set(SCHEMA) == {field.name for field in fields(Connection)}


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda store: store.add(a_waiting_listener()), "PutItem"),
        (lambda store: store.admit(a_waiting_listener(), NOW, NOW_S), "UpdateItem"),
        (lambda store: store.remove(SESSION_ID, "a"), "DeleteItem"),
        (lambda store: store.of_session(SESSION_ID), "Query"),
    ],
    ids=["add", "admit", "remove", "of_session"],
)
def test_each_method_sends_one_request(
    client: Any, call: Callable[[ConnectionsTable], object], operation: str
):
    with record_requests(client) as operations:
        call(ConnectionsTable(client, CONNECTIONS_TABLE))

    assert operations == [operation]


def test_connections_are_read_consistently_and_from_the_table(client: Any):
    queries: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: queries.append(params)
    )

    ConnectionsTable(client, CONNECTIONS_TABLE).of_session(SESSION_ID)

    assert [query["ConsistentRead"] for query in queries] == [True]
    assert "IndexName" not in queries[0]


def test_all_pages_of_connections_are_read(client: Any):
    rows = {f"listener-{number}": a_listener(id=f"listener-{number}") for number in range(7)}
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    for row in rows.values():
        store.add(row)

    def limit_page(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 3  # instead of DynamoDB's 1 MB

    client.meta.events.register("provide-client-params.dynamodb.Query", limit_page)
    with record_requests(client) as operations:
        connections = store.of_session(SESSION_ID)

    assert {connection.id: connection for connection in connections} == rows
    assert operations == ["Query"] * 3


def test_an_item_has_no_attributes_for_absent_fields_and_its_expiry_in_seconds(client: Any):
    ConnectionsTable(client, CONNECTIONS_TABLE).add(replace(a_speaker(), admitted_at=None))

    (item,) = client.scan(TableName=CONNECTIONS_TABLE)["Items"]

    assert not {"targetLanguage", "admittedAt"} & item.keys()
    assert item["expiresAt"] == {"N": str(a_speaker().expires_at)}
