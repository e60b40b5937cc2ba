"""Transactions of the local AWS: as DynamoDB runs them."""

import copy
import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models.table import Table

from scripts.local.aws import transactions
from scripts.local.aws.transactions import COMMIT_SECONDS, TOKEN_SECONDS, Transactions
from tests.support.tables import Stream


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail a test that opens a socket."""


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> Transactions:
    """The transactions of this process, with a clock that tests move and nothing left of other tests."""
    local = transactions.install()
    monkeypatch.setattr(local, "_tokens", {})
    monkeypatch.setattr(local, "_clock", lambda: 0.0)
    return local


@pytest.fixture
def client(local: Transactions) -> Iterator[Any]:
    """A client, with the tables `things` (key `id`, with a stream) and `parts` (keys `id` and `number`)."""
    with mock_aws():
        client: Any = boto3.client("dynamodb", config=Config(retries={"total_max_attempts": 1}))
        client.create_table(
            TableName="things",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        client.create_table(
            TableName="parts",
            KeySchema=[
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "number", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "number", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def thing(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": {"S": id_}, **more}


def part(id_: str, number: int, **more: Any) -> dict[str, Any]:
    return {"id": {"S": id_}, "number": {"N": str(number)}, **more}


def put(item: dict[str, Any], *, absent: bool = True, table: str = "things") -> dict[str, Any]:
    """Return the put of an item, by default only if it is absent."""
    operation = {"TableName": table, "Item": item, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return {"Put": operation | ({"ConditionExpression": "attribute_not_exists(id)"} if absent else {})}


def rows(client: Any, table: str = "things") -> list[dict[str, Any]]:
    return sorted(client.scan(TableName=table)["Items"], key=str)


def transact(client: Any, *items: dict[str, Any], **options: Any) -> None:
    client.transact_write_items(TransactItems=items, **options)


def refused(client: Any, *items: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Run a transaction that must fail; return the response."""
    with pytest.raises(ClientError) as raised:
        transact(client, *items, **options)
    return dict(raised.value.response)


def reasons(response: dict[str, Any]) -> list[str]:
    assert response["Error"]["Code"] == "TransactionCanceledException"
    return [reason["Code"] for reason in response["CancellationReasons"]]


CONFLICTING = thing("one"), thing("two")


def test_all_items_are_written(client: Any):
    client.put_item(TableName="parts", Item=part("old", 1))
    client.put_item(TableName="things", Item=thing("counter", count={"N": "1"}))

    transact(
        client,
        put(thing("one")),
        {"Delete": {"TableName": "parts", "Key": part("old", 1)}},
        put(part("new", 2), table="parts"),
        {
            "Update": {
                "TableName": "things",
                "Key": thing("counter"),
                "UpdateExpression": "SET #count = #count + :one",
                "ExpressionAttributeNames": {"#count": "count"},
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
        {
            "ConditionCheck": {
                "TableName": "things",
                "Key": thing("none"),
                "ConditionExpression": "attribute_not_exists(id)",
            }
        },
    )

    assert rows(client) == [thing("counter", count={"N": "2"}), thing("one")]
    assert rows(client, "parts") == [part("new", 2)]


def test_no_item_is_written_if_one_condition_fails_whichever_it_is(client: Any):
    client.put_item(TableName="things", Item=thing("two", owner={"S": "bob"}))

    for items in ((put(thing("one")), put(thing("two"))), (put(thing("two")), put(thing("one")))):
        refused(client, *items)

    assert rows(client) == [thing("two", owner={"S": "bob"})]


def test_each_item_has_its_reason_and_a_failed_condition_has_the_row(client: Any):
    client.put_item(TableName="things", Item=thing("two", owner={"S": "bob"}))
    without_row = put(thing("two"))
    del without_row["Put"]["ReturnValuesOnConditionCheckFailure"]

    response = refused(client, put(thing("one")), put(thing("two")))
    short = refused(client, without_row)

    assert response["CancellationReasons"] == [
        {"Code": "None"},
        {
            "Code": "ConditionalCheckFailed",
            "Message": "The conditional request failed",
            "Item": thing("two", owner={"S": "bob"}),
        },
    ]
    assert "Item" not in short["CancellationReasons"][0]


def test_all_conditions_are_evaluated_before_any_write(client: Any):
    response = refused(
        client,
        put(thing("one")),
        {
            "ConditionCheck": {
                "TableName": "things",
                "Key": thing("other"),
                "ConditionExpression": "attribute_exists(id)",
            }
        },
        put(thing("three")),
    )

    assert reasons(response) == ["None", "ConditionalCheckFailed", "None"]
    assert rows(client) == []


def test_a_write_that_fails_undoes_those_before_it(client: Any):
    client.put_item(TableName="things", Item=thing("old", owner={"S": "bob"}))
    client.put_item(TableName="parts", Item=part("old", 1))
    stream = Stream(client, "things")
    stream.new_records()
    before = rows(client), rows(client, "parts")

    refused(
        client,
        put(thing("old", owner={"S": "alice"}), absent=False),
        put(thing("new")),
        put(part("old", 1, owner={"S": "alice"}), absent=False, table="parts"),
        put(part("new", 1), table="parts"),
        {
            "Update": {
                "TableName": "things",
                "Key": thing("text"),
                "UpdateExpression": "SET amount = missing + :one",
                "ExpressionAttributeValues": {":one": {"N": "1"}},
            }
        },
    )

    assert (rows(client), rows(client, "parts")) == before
    assert stream.new_records() == []


def test_stream_records_are_those_of_the_items_and_none_of_a_cancelled_transaction(client: Any):
    stream = Stream(client, "things")
    client.put_item(TableName="things", Item=thing("two", owner={"S": "bob"}))
    client.put_item(TableName="things", Item=thing("three"))
    stream.new_records()

    refused(client, put(thing("one")), put(thing("two")))
    cancelled = stream.new_records()
    transact(
        client,
        put(thing("one")),
        put(thing("two", owner={"S": "alice"}), absent=False),
        {"Delete": {"TableName": "things", "Key": thing("three")}},
        {"ConditionCheck": {"TableName": "things", "Key": thing("x"),
                            "ConditionExpression": "attribute_not_exists(id)"}},
    )  # fmt: skip
    records = stream.new_records()

    assert cancelled == []
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE"]
    assert records[1]["dynamodb"]["OldImage"] == thing("two", owner={"S": "bob"})
    assert records[1]["dynamodb"]["NewImage"] == thing("two", owner={"S": "alice"})


def test_no_table_is_copied(client: Any, monkeypatch: pytest.MonkeyPatch):
    copied: list[Any] = []
    deep_copy = copy.deepcopy

    def record(value: Any, *more: Any) -> Any:
        copied.append(type(value))
        return deep_copy(value, *more)

    monkeypatch.setattr(copy, "deepcopy", record)
    transact(client, put(thing("one")), put(part("one", 1), table="parts"))

    assert Table not in copied
    assert not any(issubclass(kind, dict) for kind in copied)


# requests that DynamoDB refuses


@pytest.mark.parametrize(
    ("items", "options", "code"),
    [
        ((put(thing("one")), put(thing("one"), absent=False)), {}, "ValidationException"),
        (
            (put(thing("one")), {"Delete": {"TableName": "things", "Key": thing("one")}}),
            {},
            "ValidationException",
        ),
        (tuple(put(thing(str(number))) for number in range(101)), {}, "ValidationException"),
        (
            (put(thing("one")) | {"Delete": {"TableName": "things", "Key": thing("two")}},),
            {},
            "ValidationException",
        ),
        ((put({"owner": {"S": "bob"}}),), {}, "ValidationException"),
        ((put(part("one", 1), table="nowhere"),), {}, "ResourceNotFoundException"),
        ((put(thing("")),), {}, "ValidationException"),
        ((put(thing("one")),), {"ClientRequestToken": "x" * 37}, "ValidationException"),
    ],
    ids=[
        "same item twice",
        "put and delete",
        "101 items",
        "two operations",
        "no key",
        "no table",
        "empty key",
        "long token",
    ],
)
def test_an_invalid_request_is_refused_and_writes_nothing(
    client: Any, items: tuple[dict[str, Any], ...], options: dict[str, str], code: str
):
    response = refused(client, *items, **options)

    assert response["Error"]["Code"] == code
    assert rows(client) == []


def test_a_hundred_items_are_written(client: Any):
    transact(client, *(put(thing(str(number))) for number in range(100)))

    assert len(rows(client)) == 100


# client request tokens


def test_a_repeated_token_writes_nothing_more(client: Any):
    stream = Stream(client, "things")
    transact(client, put(thing("one")), ClientRequestToken="first")
    client.put_item(TableName="things", Item=thing("one", owner={"S": "bob"}))
    stream.new_records()

    transact(client, put(thing("one")), ClientRequestToken="first")

    assert rows(client) == [thing("one", owner={"S": "bob"})]
    assert stream.new_records() == []


def test_a_token_with_another_request_is_a_mismatch(client: Any):
    transact(client, put(thing("one")), ClientRequestToken="first")

    response = refused(client, put(thing("two")), ClientRequestToken="first")

    assert response["Error"]["Code"] == "IdempotentParameterMismatchException"
    assert rows(client) == [thing("one")]


@pytest.mark.parametrize(("seconds", "known"), [(TOKEN_SECONDS - 1, True), (TOKEN_SECONDS, False)])
def test_a_token_is_known_for_ten_minutes(
    client: Any, local: Transactions, monkeypatch: pytest.MonkeyPatch, seconds: float, known: bool
):
    transact(client, put(thing("one")), ClientRequestToken="first")
    monkeypatch.setattr(local, "_clock", lambda: seconds)

    if known:
        transact(client, put(thing("one")), ClientRequestToken="first")
    else:
        assert reasons(refused(client, put(thing("one")), ClientRequestToken="first")) == [
            "ConditionalCheckFailed"
        ]


def test_the_token_of_a_cancelled_transaction_can_be_used_again(client: Any):
    client.put_item(TableName="things", Item=thing("one"))
    refused(client, put(thing("one")), ClientRequestToken="first")
    client.delete_item(TableName="things", Key=thing("one"))

    transact(client, put(thing("one"), absent=True), ClientRequestToken="first")

    assert rows(client) == [thing("one")]


# conflicts


class Held:
    """A transaction that writes the things one and two, and stays in progress until it is released."""

    def __init__(self, client: Any, local: Transactions, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waits: list[float] = []
        self._committing, self._released = threading.Event(), threading.Event()

        def sleep(seconds: float) -> None:
            self.waits.append(seconds)
            self._committing.set()
            assert self._released.wait(60)

        monkeypatch.setattr(local, "_sleep", sleep)
        self._thread = threading.Thread(
            target=transact,
            args=(client, put(CONFLICTING[0]), put(CONFLICTING[1])),
            kwargs={"ClientRequestToken": "held"},
        )
        self._thread.start()
        assert self._committing.wait(60)

    def release(self) -> None:
        self._released.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture
def held(client: Any, local: Transactions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(client, local, monkeypatch)
    yield held
    held.release()


def test_a_transaction_on_an_item_in_progress_is_cancelled(client: Any, held: Held):
    response = refused(client, put(thing("three")), put(thing("two"), absent=False))

    assert reasons(response) == ["None", "TransactionConflict"]
    assert held.waits == [COMMIT_SECONDS]
    held.release()
    assert rows(client) == sorted(CONFLICTING, key=str)


def test_a_conflict_and_a_failed_condition_are_reported_together(client: Any, held: Held):
    client.put_item(TableName="things", Item=thing("three"))

    response = refused(client, put(thing("three")), put(thing("two"), absent=False))

    assert reasons(response) == ["ConditionalCheckFailed", "TransactionConflict"]


@pytest.mark.parametrize("write", ["put", "update", "delete"])
def test_a_plain_write_of_an_item_in_progress_is_refused(client: Any, held: Held, write: str):
    key = CONFLICTING[0]

    def run() -> None:
        if write == "put":
            client.put_item(TableName="things", Item=key)
        elif write == "update":
            client.update_item(
                TableName="things",
                Key=key,
                UpdateExpression="SET amount = :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        else:
            client.delete_item(TableName="things", Key=key)

    with pytest.raises(ClientError) as raised:
        run()
    held.release()
    run()

    assert raised.value.response["Error"]["Code"] == "TransactionConflictException"


def test_reads_and_writes_of_other_items_go_on(client: Any, held: Held):
    client.put_item(TableName="things", Item=thing("three"))

    assert client.get_item(TableName="things", Key=thing("three"))["Item"] == thing("three")
    assert client.get_item(TableName="things", Key=thing("one"))["Item"] == thing("one")


def test_the_same_token_is_in_progress(client: Any, held: Held):
    response = refused(client, put(CONFLICTING[0]), put(CONFLICTING[1]), ClientRequestToken="held")

    assert response["Error"]["Code"] == "TransactionInProgressException"
    held.release()
    transact(client, put(CONFLICTING[0]), put(CONFLICTING[1]), ClientRequestToken="held")


def test_injected_conflicts_are_met_by_the_next_writes_of_the_table_alone(client: Any, local: Transactions):
    local.inject_conflicts("things", 2)

    client.put_item(TableName="parts", Item=part("one", 1))
    response = refused(client, put(thing("one")), put(part("two", 1), table="parts"))
    with pytest.raises(ClientError, match="TransactionConflictException"):
        client.put_item(TableName="things", Item=thing("one"))
    client.put_item(TableName="things", Item=thing("one"))

    assert reasons(response) == ["TransactionConflict", "None"]
    assert rows(client, "parts") == [part("one", 1)]
