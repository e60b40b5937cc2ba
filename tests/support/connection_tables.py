"""The tables around connections as Terraform declares them, made in moto, and their streams."""

from typing import Any

from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from tests.support.tables import SHAPE, TABLE

CONNECTIONS = "connections"
RATE_LIMITS = "rate_limits"
KEYS = {CONNECTIONS: ["sessionId", "connectionId"], RATE_LIMITS: ["limitKey"]}
STREAMED = (TABLE, CONNECTIONS)


def make_tables(client: Any) -> None:
    """Make the tables of sessions, connections and rate limits."""
    for table, shape in {TABLE: SHAPE, **{name: _shape(keys) for name, keys in KEYS.items()}}.items():
        client.create_table(
            TableName=table,
            **shape,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            if table in STREAMED
            else {"StreamEnabled": False},
        )


def _shape(keys: list[str]) -> dict[str, Any]:
    return {
        "KeySchema": [
            {"AttributeName": key, "KeyType": kind}
            for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "BillingMode": "PAY_PER_REQUEST",
    }


class Stream:
    """All that has been written to a table, record by record."""

    def __init__(self, client: Any, table: str) -> None:
        # moto's own list: asking it through the SDK takes most of the time of a test that asks often.
        backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][client.meta.region_name]
        self._shard = backend.get_table(table).stream_shard
        self._read = 0

    def new_records(self) -> list[dict[str, Any]]:
        """Return those written since the last time."""
        records = [item.to_json() for item in self._shard.items[self._read :]]
        self._read += len(records)
        return records
