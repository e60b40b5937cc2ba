"""The tables in moto with the keys that Terraform declares, and records of what clients send to DynamoDB."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.exceptions import ReadTimeoutError
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from scripts.local.aws import transactions

SESSIONS_TABLE = "sessions"
CONNECTIONS_TABLE = "connections"
AUDIENCES_TABLE = "audiences"
IDEMPOTENCY_KEYS_TABLE = "idempotency_keys"
RATE_LIMITS_TABLE = "rate_limits"
LIVE_CAPTIONS_TABLE = "live_captions"
CAPTIONS_TABLE = "captions"
KEYS = {
    SESSIONS_TABLE: ["sessionId"],
    CONNECTIONS_TABLE: ["sessionId", "connectionId"],
    AUDIENCES_TABLE: ["sessionId", "sessionCreatedAt"],
    IDEMPOTENCY_KEYS_TABLE: ["keyDigest"],
    RATE_LIMITS_TABLE: ["limitKey"],
    LIVE_CAPTIONS_TABLE: ["sessionId", "sessionCreatedAt"],
    CAPTIONS_TABLE: ["sessionKey", "sequence"],
}
"""The partition key and the sort key of each table."""
NUMBER_KEYS = {"sessionCreatedAt", "sequence"}
"""The keys that are numbers; the others are strings."""

TRANSACTIONS = transactions.install()
"""Runs the transactions of moto in this process as the local AWS runs them."""

STREAMED = (SESSIONS_TABLE, CONNECTIONS_TABLE, LIVE_CAPTIONS_TABLE, CAPTIONS_TABLE)
SPEAKER_INDEX = {
    "IndexName": "bySpeaker",
    "KeySchema": [
        {"AttributeName": "speakerId", "KeyType": "HASH"},
        {"AttributeName": "createdAt", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "ALL"},
}

DUE_INDEX = {
    "IndexName": "byDueAt",
    "KeySchema": [
        {"AttributeName": "duePartition", "KeyType": "HASH"},
        {"AttributeName": "dueAt", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def create_tables(client: Any) -> None:
    """Create all tables."""
    for table in KEYS:
        create_table(client, table)


def create_table(client: Any, table: str) -> None:
    """Create one of the tables."""
    keys = KEYS[table]
    schema: dict[str, Any] = {
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [
            {"AttributeName": key, "AttributeType": "N" if key in NUMBER_KEYS else "S"} for key in keys
        ],
    }
    if table == SESSIONS_TABLE:
        schema["GlobalSecondaryIndexes"] = [SPEAKER_INDEX, DUE_INDEX]
        schema["AttributeDefinitions"] += [
            {"AttributeName": "speakerId", "AttributeType": "S"},
            {"AttributeName": "createdAt", "AttributeType": "N"},
            {"AttributeName": "duePartition", "AttributeType": "S"},
            {"AttributeName": "dueAt", "AttributeType": "N"},
        ]
    stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    client.create_table(
        TableName=table,
        **schema,
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification=stream if table in STREAMED else {"StreamEnabled": False},
    )


def table_names(request: dict[str, Any]) -> list[str]:
    """Return the tables of a request to DynamoDB, of a transaction in the order of its items."""
    if "TransactItems" in request:
        return [operation["TableName"] for item in request["TransactItems"] for operation in item.values()]
    return list(request.get("RequestItems", ())) or [request["TableName"]]


class Stream:
    """The stream of a table in moto."""

    def __init__(self, client: Any, table: str) -> None:
        # moto's own list: reading it through the SDK takes most of the time of a test that reads it often.
        backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][client.meta.region_name]
        self._shard = backend.get_table(table).stream_shard
        self._read = 0

    def new_records(self) -> list[dict[str, Any]]:
        """Return the records written since the previous call."""
        records = [item.to_json() for item in self._shard.items[self._read :]]
        self._read += len(records)
        return records


def lose_first_response(
    client: Any, operation: str, *, after_write: Callable[[], object] = lambda: None
) -> None:
    """Make the first request of the operation reach the table, and the client's connection time out."""
    requests: list[AWSRequest] = []

    def send_and_time_out(request: AWSRequest, **_: Any) -> None:
        if requests:
            return
        requests.append(request)
        # moto responds to the event; without it the request goes to a server.
        responses = [response for _, response in client.meta.events.emit(event, request=request) if response]
        response = responses[0] if responses else client._endpoint.http_session.send(request)
        assert response.status_code == 200, response.content
        after_write()
        raise ReadTimeoutError(endpoint_url=request.url)

    event = f"before-send.dynamodb.{operation}"
    client.meta.events.register_first(event, send_and_time_out)


@contextmanager
def record_calls(*clients: Any) -> Iterator[list[str]]:
    """List the API calls of the clients in the meantime, as `table:operation`, or `table+table:operation`."""

    def call(params: dict[str, Any], model: Any, **_: Any) -> str:
        return f"{'+'.join(table_names(params))}:{model.name}"

    with _record("provide-client-params.dynamodb", call, clients) as calls:
        yield calls


@contextmanager
def record_requests(*clients: Any) -> Iterator[list[str]]:
    """List the operations of the clients' HTTP requests in the meantime; a retry is another request."""

    def operation(operation_name: str, **_: Any) -> str:
        return operation_name

    with _record("request-created.dynamodb", operation, clients) as operations:
        yield operations


@contextmanager
def _record(event: str, describe: Any, clients: tuple[Any, ...]) -> Iterator[list[str]]:
    records: list[str] = []

    def append(**parameters: Any) -> None:
        records.append(describe(**parameters))

    unique = {id(client): client for client in clients}.values()
    for client in unique:
        client.meta.events.register(event, append)
    try:
        yield records
    finally:
        for client in unique:
            client.meta.events.unregister(event, append)
