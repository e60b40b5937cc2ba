"""The index of the sessions table by due time: the sessions that the scheduled function must look at.

It is sparse: a session whose item has no `dueAt` is not in it. All its items have one partition key, which
limits the writes of `dueAt` to about 1,000 a second.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.audience.ports import DueSession
from shared.aws.errors import translate_errors
from shared.aws.sessions_table import DUE_PARTITION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "byDueAt"
PAGE_SIZE = 100


class DueIndex:
    """The DueSessions on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def pages(self, now: int) -> Iterator[list[DueSession]]:
        """Query, a page at a time. The index is eventually consistent, so a session may be due no longer."""
        pages = iter(
            self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=INDEX,
                KeyConditionExpression="duePartition = :partition AND dueAt <= :now",
                ExpressionAttributeValues={
                    ":partition": DUE_PARTITION["duePartition"],
                    ":now": {"N": str(now // 1000)},
                },
                PaginationConfig={"PageSize": PAGE_SIZE},
            )
        )
        while True:
            with translate_errors():
                page = next(pages, None)
            if page is None:
                return
            yield [DueSession(item["sessionId"]["S"], int(item["dueAt"]["N"])) for item in page["Items"]]
