"""The connections table: one item per open WebSocket."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.audience.connection import Connection, Role
from shared.aws import dynamodb
from shared.aws.errors import is_condition_failed, translate_errors
from shared.sessions.session import Language

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA: dynamodb.Schema = {
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
    """The ConnectionStore on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection) -> None:
        """PutItem: API Gateway never uses a connection id twice."""
        with translate_errors():
            self._client.put_item(TableName=self._table, Item=to_item(connection))

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """UpdateItem, if the item exists."""
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(connection.session_id, connection.id),
                    UpdateExpression="SET admittedAt = :now, expiresAt = :expires",
                    ConditionExpression="attribute_exists(connectionId)",
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":expires": {"N": str(expires_at)}},
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return False
        return True

    def remove(self, session_id: str, connection_id: str) -> None:
        """DeleteItem."""
        with translate_errors():
            self._client.delete_item(TableName=self._table, Key=_key(session_id, connection_id))

    def of_session(self, session_id: str) -> list[Connection]:
        """Query, consistent, all pages."""
        with translate_errors():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="sessionId = :id",
                ExpressionAttributeValues={":id": {"S": session_id}},
            )
            return [from_item(item) for page in pages for item in page["Items"]]


def to_item(connection: Connection) -> dict[str, dict[str, str]]:
    """Return a connection as an item."""
    return dynamodb.to_item(SCHEMA, {field: getattr(connection, field) for field in SCHEMA})


def from_item(item: dynamodb.Item) -> Connection:
    """Return the connection of an item, also of one from the table's stream."""
    return Connection(**dynamodb.from_item(SCHEMA, item))


def _key(session_id: str, connection_id: str) -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session_id}, "connectionId": {"S": connection_id}}
