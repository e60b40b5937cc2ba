"""The connections table: one row for each open WebSocket, addressed by its full key."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.audience.connection import Connection, Role
from shared.aws.errors import condition_failed, faults_told_apart
from shared.aws.items import Columns, Item, attributes, fields
from shared.sessions.session import Language

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COLUMNS: Columns = {
    "session_id": ("sessionId", "S", str),
    "id": ("connectionId", "S", str),
    "session_created_at": ("sessionCreatedAt", "N", int),
    "role": ("role", "S", Role),
    "target_language": ("targetLanguage", "S", Language),
    "joined_at": ("joinedAt", "N", int),
    "admitted_at": ("admittedAt", "N", int),
    "expires_at": ("expiresAt", "N", int),
}


class ConnectionsTable:
    """The domain's ConnectionStore on one table. Raises TryAgainLater for what a retry may cure."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection) -> None:
        """PutItem: connection ids are API Gateway's, and no two are the same."""
        row = {field: getattr(connection, field) for field in COLUMNS}
        with faults_told_apart():
            self._client.put_item(TableName=self._table, Item=attributes(COLUMNS, row))

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """UpdateItem, if the row is there."""
        with faults_told_apart():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=key(connection.session_id, connection.id),
                    UpdateExpression="SET admittedAt = :now, expiresAt = :expires",
                    ConditionExpression="attribute_exists(connectionId)",
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":expires": {"N": str(expires_at)}},
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise
                return False
        return True

    def remove(self, session_id: str, connection_id: str) -> None:
        """DeleteItem."""
        with faults_told_apart():
            self._client.delete_item(TableName=self._table, Key=key(session_id, connection_id))

    def of(self, session_id: str) -> list[Connection]:
        """Query, consistent, page after page."""
        with faults_told_apart():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="sessionId = :id",
                ExpressionAttributeValues={":id": {"S": session_id}},
            )
            return [connection_of(item) for page in pages for item in page["Items"]]


def connection_of(item: Item) -> Connection:
    """The connection that a row stands for, also one from the table's stream."""
    return Connection(**fields(COLUMNS, item))


def key(session_id: str, connection_id: str) -> dict[str, dict[str, str]]:
    """The full key of a row."""
    return {"sessionId": {"S": session_id}, "connectionId": {"S": connection_id}}
