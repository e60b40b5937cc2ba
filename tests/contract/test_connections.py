"""What every store of connections promises: one suite, run against the memory store and DynamoDB alike."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from shared.audience.connection import Connection, Role
from shared.audience.ports import ConnectionStore
from shared.aws import dynamodb as dynamodb_client
from shared.aws.connections_table import SCHEMA, ConnectionsTable
from shared.sessions.session import Language
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections
from tests.support.sessions import NOW, NOW_S
from tests.support.tables import CONNECTIONS_TABLE, create_tables, record_requests

AWS = botocore.session.get_session()
SESSION_ID = "blessed-shepherd-427"


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = AWS.create_client("dynamodb", config=dynamodb_client.DEFAULT_CONFIG)
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> ConnectionStore:
    if request.param == "memory":
        return MemoryConnections()
    return ConnectionsTable(request.getfixturevalue("client"), CONNECTIONS_TABLE)


@pytest.mark.parametrize(
    "row", [a_waiting_listener(), a_listener(), a_speaker()], ids=["waits", "listens", "speaks"]
)
def test_what_was_added_is_read_back_the_same(store: ConnectionStore, row: Connection):
    store.add(row)

    assert store.of_session(SESSION_ID) == [row]


def test_words_come_back_as_members_and_numbers_as_integers(store: ConnectionStore):
    store.add(a_listener())

    (row,) = store.of_session(SESSION_ID)

    assert (type(row.role), type(row.target_language)) == (Role, Language)
    assert {
        type(value) for value in (row.session_created_at, row.joined_at, row.admitted_at, row.expires_at)
    } == {int}


def test_each_session_has_its_own_people(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="a", session_id="holy-psalm-100"))

    assert [row.session_id for row in store.of_session("holy-psalm-100")] == ["holy-psalm-100"]
    assert store.of_session("holy-psalm-101") == []


def test_rows_past_their_time_are_read_too_so_that_the_domain_decides(store: ConnectionStore):
    store.add(a_listener(expires_at=NOW_S - 1))

    assert len(store.of_session(SESSION_ID)) == 1


def test_people_of_an_older_session_with_the_same_id_are_read_too(store: ConnectionStore):
    store.add(a_listener(id="old", session_created_at=NOW - 1))
    store.add(a_listener(id="new"))

    assert {row.id for row in store.of_session(SESSION_ID)} == {"old", "new"}


def test_an_admission_sets_when_and_until_when_and_nothing_else(store: ConnectionStore):
    row = a_waiting_listener()
    store.add(row)

    assert store.admit(row, NOW + 7, NOW_S + 60) is True

    assert store.of_session(SESSION_ID) == [replace(row, admitted_at=NOW + 7, expires_at=NOW_S + 60)]


def test_an_admission_never_makes_a_row(store: ConnectionStore):
    assert store.admit(a_waiting_listener(), NOW, NOW_S + 60) is False

    assert store.of_session(SESSION_ID) == []


def test_a_row_is_removed_once_and_again(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="b"))

    store.remove(SESSION_ID, "a")
    store.remove(SESSION_ID, "a")
    store.remove("holy-psalm-100", "b")

    assert [row.id for row in store.of_session(SESSION_ID)] == ["b"]


# DynamoDB alone


def test_every_field_of_a_connection_has_its_attribute():
    assert set(SCHEMA) == {field.name for field in fields(Connection)}


@pytest.mark.parametrize(
    ("use", "operation"),
    [
        (lambda store: store.add(a_waiting_listener()), "PutItem"),
        (lambda store: store.admit(a_waiting_listener(), NOW, NOW_S), "UpdateItem"),
        (lambda store: store.remove(SESSION_ID, "a"), "DeleteItem"),
        (lambda store: store.of_session(SESSION_ID), "Query"),
    ],
    ids=["add", "admit", "remove", "of"],
)
def test_each_use_of_the_table_is_exactly_one_call(client: Any, use: Any, operation: str):
    with record_requests(client) as sent:
        use(ConnectionsTable(client, CONNECTIONS_TABLE))

    assert sent == [operation]


def test_a_read_is_consistent_and_of_one_session(client: Any):
    asked: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: asked.append(params)
    )

    ConnectionsTable(client, CONNECTIONS_TABLE).of_session(SESSION_ID)

    assert [params["ConsistentRead"] for params in asked] == [True]
    assert "IndexName" not in asked[0]


def test_more_people_than_fit_on_a_page_are_read_page_after_page(client: Any):
    rows = {f"listener-{number}": a_listener(id=f"listener-{number}") for number in range(7)}
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    for row in rows.values():
        store.add(row)

    def few(params: dict[str, Any], **_: Any) -> None:
        params["Limit"] = 3  # a page of DynamoDB is 1 MB

    client.meta.events.register("provide-client-params.dynamodb.Query", few)
    with record_requests(client) as sent:
        read = store.of_session(SESSION_ID)

    assert {row.id: row for row in read} == rows
    assert sent == ["Query"] * 3


def test_absent_fields_are_absent_and_the_time_to_live_is_in_seconds(client: Any):
    ConnectionsTable(client, CONNECTIONS_TABLE).add(replace(a_speaker(), admitted_at=None))

    (row,) = client.scan(TableName=CONNECTIONS_TABLE)["Items"]

    assert not {"targetLanguage", "admittedAt"} & row.keys()
    assert row["expiresAt"] == {"N": str(a_speaker().expires_at)}
