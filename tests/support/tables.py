"""The sessions table as Terraform declares it, made in moto; what a client sends to it, counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TABLE = "sessions"


SHAPE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "sessionId", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "sessionId", "AttributeType": "S"},
        {"AttributeName": "speakerId", "AttributeType": "S"},
        {"AttributeName": "createdAt", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "bySpeaker",
            "KeySchema": [
                {"AttributeName": "speakerId", "KeyType": "HASH"},
                {"AttributeName": "createdAt", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""What create_table is told of the sessions table, besides its name."""


def make_table(client: Any) -> None:
    """Make the sessions table."""
    client.create_table(TableName=TABLE, **SHAPE)


@contextmanager
def requests_of(*clients: Any) -> Iterator[list[str]]:
    """List the operations that the clients send meanwhile, each retry of the SDK again."""
    sent: list[str] = []

    def note(operation_name: str, **_: Any) -> None:
        sent.append(operation_name)

    unique = {id(client): client for client in clients}.values()
    for client in unique:
        client.meta.events.register("request-created.dynamodb", note)
    try:
        yield sent
    finally:
        for client in unique:
            client.meta.events.unregister("request-created.dynamodb", note)
