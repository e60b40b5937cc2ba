"""The contract of ConnectionStore, for the store in memory and the connections table."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from shared.audience.connection import Connection, Role
from shared.audience.ports import ConnectionStore
from shared.aws.connections_table import SCHEMA, ConnectionsTable, to_item
from shared.errors import ServiceUnavailable
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
    assert store.add(connection) is True

    assert store.of_session(SESSION_ID) == [connection]


def test_a_connection_that_is_added_again_is_the_same(store: ConnectionStore):
    assert [store.add(a_waiting_listener()) for _ in range(2)] == [True, True]

    assert store.of_session(SESSION_ID) == [a_waiting_listener()]


@pytest.mark.parametrize(
    "other",
    [a_listener(), a_waiting_listener(joined_at=NOW - 1), replace(a_speaker(), id=a_listener().id)],
    ids=["admitted", "of another join", "speaker"],
)
def test_another_row_with_the_connections_id_is_kept(store: ConnectionStore, other: Connection):
    store.add(other)

    assert store.add(a_waiting_listener()) is False

    assert store.of_session(SESSION_ID) == [other]


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


def test_a_connection_is_read_by_its_session_and_id(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_speaker(id="b"))

    assert store.get(SESSION_ID, "b") == a_speaker(id="b")
    assert store.get(SESSION_ID, "c") is None
    assert store.get("holy-psalm-100", "a") is None


def test_a_listeners_language_changes_and_no_other_field(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="b"))

    changed = [store.set_language(SESSION_ID, "a", Language.FRENCH, NOW) for _ in range(2)]

    assert changed == [True, True]
    assert store.of_session(SESSION_ID) == [
        a_listener(id="a", target_language=Language.FRENCH),
        a_listener(id="b"),
    ]


@pytest.mark.parametrize(
    "row",
    [a_speaker(id="a"), a_waiting_listener(id="a"), a_listener(id="a", expires_at=NOW_S), None],
    ids=["speaker", "waiting listener", "expired listener", "no row"],
)
def test_only_an_admitted_live_listener_changes_the_language(store: ConnectionStore, row: Connection | None):
    if row:
        store.add(row)

    assert store.set_language(SESSION_ID, "a", Language.FRENCH, NOW) is False

    assert store.get(SESSION_ID, "a") == row


def test_a_listener_changes_the_language_until_the_second_before_the_row_expires(store: ConnectionStore):
    store.add(a_listener(id="a", expires_at=NOW_S + 1))

    assert store.set_language(SESSION_ID, "a", Language.FRENCH, NOW_S * 1000 + 999) is True
    assert store.set_language(SESSION_ID, "a", Language.GERMAN, NOW_S * 1000 + 1000) is False


def test_removal_is_idempotent_and_removes_one_connection(store: ConnectionStore):
    store.add(a_listener(id="a"))
    store.add(a_listener(id="b"))

    store.remove(SESSION_ID, "a")
    store.remove(SESSION_ID, "a")
    store.remove("holy-psalm-100", "b")

    assert [row.id for row in store.of_session(SESSION_ID)] == ["b"]


def test_a_waiting_connection_is_removed_and_an_admitted_one_kept(store: ConnectionStore):
    store.add(a_waiting_listener(id="waiting"))
    store.add(a_listener(id="admitted"))

    removed = [store.remove_waiting(SESSION_ID, id_) for id_ in ("waiting", "waiting", "admitted")]

    assert removed == [True, True, False]
    assert [row.id for row in store.of_session(SESSION_ID)] == ["admitted"]


def test_several_connections_are_removed_at_once(store: ConnectionStore):
    for number in range(60):
        store.add(a_listener(id=f"listener-{number}"))

    store.remove_all(SESSION_ID, [f"listener-{number}" for number in range(1, 60)] + ["unknown"])
    store.remove_all(SESSION_ID, [])

    assert [row.id for row in store.of_session(SESSION_ID)] == ["listener-0"]


# DynamoDB only


def test_connections_are_removed_in_batches_of_25(client: Any):
    with record_requests(client) as operations:
        ConnectionsTable(client, CONNECTIONS_TABLE).remove_all(SESSION_ID, map(str, range(51)))

    assert operations == ["BatchWriteItem"] * 3


def leave_unprocessed(client: Any, times: int) -> None:
    """Make DynamoDB process all but the last request of the first batches."""
    remaining = [None] * times

    def keep_one(params: dict[str, Any], **_: Any) -> None:
        if remaining:
            client.unprocessed = {CONNECTIONS_TABLE: [params["RequestItems"][CONNECTIONS_TABLE].pop()]}

    def report(parsed: dict[str, Any], **_: Any) -> None:
        if remaining:
            remaining.pop()
            parsed["UnprocessedItems"] = client.unprocessed

    client.meta.events.register("provide-client-params.dynamodb.BatchWriteItem", keep_one)
    client.meta.events.register("after-call.dynamodb.BatchWriteItem", report)


def test_unprocessed_removals_are_repeated(client: Any):
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    for number in range(3):
        store.add(a_listener(id=f"listener-{number}"))
    leave_unprocessed(client, times=1)

    store.remove_all(SESSION_ID, [f"listener-{number}" for number in range(3)])

    assert store.of_session(SESSION_ID) == []


def test_removals_that_stay_unprocessed_are_a_temporary_fault(client: Any):
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    client.meta.events.register(
        "after-call.dynamodb.BatchWriteItem",
        lambda parsed, **_: parsed.update(
            UnprocessedItems={CONNECTIONS_TABLE: [{"DeleteRequest": {"Key": to_key("a")}}]}
        ),
    )

    with pytest.raises(ServiceUnavailable):
        store.remove_all(SESSION_ID, ["a"])


def to_key(connection_id: str) -> dict[str, Any]:
    return {"sessionId": {"S": SESSION_ID}, "connectionId": {"S": connection_id}}


@pytest.mark.parametrize(
    ("row", "kept_s"), [(a_waiting_listener(), 0), (a_listener(), 3 * 60 * 60)], ids=["waiting", "admitted"]
)
def test_the_row_of_an_admitted_connection_is_kept_after_its_expiry(
    client: Any, row: Connection, kept_s: int
):
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    store.add(row)
    (added,) = client.scan(TableName=CONNECTIONS_TABLE)["Items"]
    store.admit(row, NOW, NOW_S + 60)
    (admitted,) = client.scan(TableName=CONNECTIONS_TABLE)["Items"]

    assert added["deleteAt"] == {"N": str(row.expires_at + kept_s)}
    assert admitted["deleteAt"] == {"N": str(NOW_S + 60 + 3 * 60 * 60)}


# DynamoDB only: rows of another release


def put_item(client: Any, connection_id: str, *, without: str = "", **attributes: Any) -> None:
    """Write the item of a_listener() as another release has it."""
    item = to_item(a_listener(id=connection_id)) | attributes
    client.put_item(
        TableName=CONNECTIONS_TABLE, Item={name: value for name, value in item.items() if name != without}
    )


def test_rows_of_other_releases_are_read(client: Any):
    put_item(client, "earlier", without="deleteAt")
    put_item(client, "later", role={"S": "interpreter"}, targetLanguage={"S": "uk"}, mood={"S": "calm"})

    rows = ConnectionsTable(client, CONNECTIONS_TABLE).of_session(SESSION_ID)

    assert [(row.id, row.role, row.target_language) for row in rows] == [
        ("earlier", "listener", "es"),
        ("later", "interpreter", "uk"),
    ]


def test_a_row_that_cannot_be_read_is_left_out(client: Any, caplog: pytest.LogCaptureFixture):
    put_item(client, "a", without="joinedAt")
    put_item(client, "b", expiresAt={"S": "never"})
    put_item(client, "c")

    rows = ConnectionsTable(client, CONNECTIONS_TABLE).of_session(SESSION_ID)

    assert [row.id for row in rows] == ["c"]
    assert [record.message for record in caplog.records] == ["A row cannot be read"] * 2


# DynamoDB only: schema and requests


def test_the_schema_has_every_field_of_a_connection():
    assert set(SCHEMA) == {field.name for field in fields(Connection)}


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda store: store.add(a_waiting_listener()), "PutItem"),
        (lambda store: store.admit(a_waiting_listener(), NOW, NOW_S), "UpdateItem"),
        (lambda store: store.set_language(SESSION_ID, "a", Language.FRENCH, NOW), "UpdateItem"),
        (lambda store: store.get(SESSION_ID, "a"), "GetItem"),
        (lambda store: store.remove(SESSION_ID, "a"), "DeleteItem"),
        (lambda store: store.remove_waiting(SESSION_ID, "a"), "DeleteItem"),
        (lambda store: store.remove_all(SESSION_ID, ["a", "b"]), "BatchWriteItem"),
        (lambda store: store.of_session(SESSION_ID), "Query"),
    ],
    ids=["add", "admit", "set_language", "get", "remove", "remove_waiting", "remove_all", "of_session"],
)
def test_each_method_sends_one_request(
    client: Any, call: Callable[[ConnectionsTable], object], operation: str
):
    with record_requests(client) as operations:
        call(ConnectionsTable(client, CONNECTIONS_TABLE))

    assert operations == [operation]


def test_connections_are_read_consistently_and_from_the_table(client: Any):
    queries: list[dict[str, Any]] = []
    for operation in ("Query", "GetItem"):
        client.meta.events.register(
            f"provide-client-params.dynamodb.{operation}", lambda params, **_: queries.append(params)
        )

    ConnectionsTable(client, CONNECTIONS_TABLE).of_session(SESSION_ID)
    ConnectionsTable(client, CONNECTIONS_TABLE).get(SESSION_ID, "a")

    assert [query["ConsistentRead"] for query in queries] == [True, True]
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


def test_a_first_try_that_arrives_after_the_admission_changes_nothing(client: Any):
    store = ConnectionsTable(client, CONNECTIONS_TABLE)
    requests: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.PutItem", lambda params, **_: requests.append(dict(params))
    )
    store.add(a_waiting_listener())
    store.admit(a_waiting_listener(), NOW, a_listener().expires_at)

    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(**requests[0])

    assert store.of_session(SESSION_ID) == [a_listener()]
