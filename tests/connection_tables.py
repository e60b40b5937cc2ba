"""The tables around connections as Terraform declares them, made in moto, and their streams."""

from functools import cache
from typing import Any

import botocore.session

from tests.tables import TABLE

CONNECTIONS = "connections"
RATE_LIMITS = "rate_limits"
KEYS = {TABLE: ["sessionId"], CONNECTIONS: ["sessionId", "connectionId"], RATE_LIMITS: ["limitKey"]}
STREAMED = (TABLE, CONNECTIONS)


def make_tables(client: Any) -> None:
    """Make the tables of sessions, connections and rate limits."""
    for table, keys in KEYS.items():
        client.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": key, "KeyType": kind}
                for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
            if table in STREAMED
            else {"StreamEnabled": False},
        )


class Stream:
    """All that has been written to a table, record by record."""

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._client = _streams_client(dynamodb.meta.region_name)
        arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        shard = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]
        self._iterator = self._client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def new_records(self) -> list[dict[str, Any]]:
        """Return those written since the last time."""
        answer = self._client.get_records(ShardIterator=self._iterator)
        self._iterator = answer["NextShardIterator"]
        return list(answer["Records"])


@cache
def _streams_client(region: str) -> Any:
    return botocore.session.get_session().create_client(
        "dynamodbstreams",
        # moto knows the streams of a region by their old address alone.
        endpoint_url=f"https://streams.dynamodb.{region}.amazonaws.com",
    )
