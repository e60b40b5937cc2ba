"""The sessions table as Terraform declares it, made in moto; what a client sends to it, counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TABLE = "sessions"


def make_table(client: Any) -> None:
    """Make the sessions table."""
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sessionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@contextmanager
def requests_of(client: Any) -> Iterator[list[str]]:
    """List the operations that the client sends meanwhile, each retry of the SDK again."""
    sent: list[str] = []

    def note(operation_name: str, **_: Any) -> None:
        sent.append(operation_name)

    client.meta.events.register("request-created.dynamodb", note)
    try:
        yield sent
    finally:
        client.meta.events.unregister("request-created.dynamodb", note)
