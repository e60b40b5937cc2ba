"""The connections table: one item per open WebSocket."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.audience.connection import Connection, Role, delete_at
from shared.aws import dynamodb
from shared.aws.errors import is_condition_failed, translate_errors
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA: dynamodb.Schema = {
    "session_id": ("sessionId", "S", str),
    "id": ("connectionId", "S", str),
    "session_created_at": ("sessionCreatedAt", "N", int),
    "role": ("role", "S", dynamodb.word(Role)),
    "target_language": ("targetLanguage", "S", dynamodb.word(Language)),
    "joined_at": ("joinedAt", "N", int),
    "admitted_at": ("admittedAt", "N", int),
    "expires_at": ("expiresAt", "N", int),
}

# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
BATCH_SIZE = 25
MAX_BATCH_TRIES = 5


class ConnectionsTable:
    """The ConnectionStore on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection: Connection) -> bool:
        """PutItem, if there is no item with its key.

        The SDK's retry meets the item of its own first try. That try may also arrive last: then it must not
        replace an item that is admitted by now.
        """
        item = to_item(connection)
        with translate_errors():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(connectionId)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                current: dynamodb.Item = error.response.get("Item", {})  # type: ignore[assignment]  # only here
                return item.items() <= current.items()
        return True

    def admit(self, connection: Connection, now: int, expires_at: int) -> bool:
        """UpdateItem, if the item exists."""
        return self._update(
            connection.session_id,
            connection.id,
            UpdateExpression="SET admittedAt = :now, expiresAt = :expires, deleteAt = :delete",
            ConditionExpression="attribute_exists(connectionId)",
            ExpressionAttributeValues={
                ":now": {"N": str(now)},
                ":expires": {"N": str(expires_at)},
                ":delete": {"N": str(delete_at(admitted=True, expires_at=expires_at))},
            },
        )

    def set_language(self, session_id: str, connection_id: str, language: Language, now: int) -> bool:
        """UpdateItem, if the item is an admitted listener's that has not expired."""
        return self._update(
            session_id,
            connection_id,
            UpdateExpression="SET targetLanguage = :language",
            ConditionExpression="attribute_exists(admittedAt) AND #role = :listener AND expiresAt > :now",
            ExpressionAttributeNames={"#role": "role"},
            ExpressionAttributeValues={
                ":language": {"S": language},
                ":listener": {"S": Role.LISTENER},
                ":now": {"N": str(now // 1000)},
            },
        )

    def get(self, session_id: str, connection_id: str) -> Connection | None:
        """GetItem, consistent."""
        with translate_errors():
            response = self._client.get_item(
                TableName=self._table, Key=_key(session_id, connection_id), ConsistentRead=True
            )
        return from_item(response["Item"]) if "Item" in response else None

    def remove(self, session_id: str, connection_id: str) -> None:
        """DeleteItem."""
        with translate_errors():
            self._client.delete_item(TableName=self._table, Key=_key(session_id, connection_id))

    def remove_waiting(self, session_id: str, connection_id: str) -> bool:
        """DeleteItem, if the item is not admitted."""
        with translate_errors():
            try:
                self._client.delete_item(
                    TableName=self._table,
                    Key=_key(session_id, connection_id),
                    ConditionExpression="attribute_not_exists(admittedAt)",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return False
        return True

    def remove_all(self, session_id: str, connection_ids: Iterable[str]) -> None:
        """BatchWriteItem for every 25 rows, again for those that DynamoDB did not process."""
        ids = list(connection_ids)
        for start in range(0, len(ids), BATCH_SIZE):
            keys = [_key(session_id, connection_id) for connection_id in ids[start : start + BATCH_SIZE]]
            unprocessed: Any = {self._table: [{"DeleteRequest": {"Key": key}} for key in keys]}
            for _ in range(MAX_BATCH_TRIES):
                with translate_errors():
                    unprocessed = self._client.batch_write_item(RequestItems=unprocessed)["UnprocessedItems"]
                if not unprocessed:
                    break
            else:
                raise ServiceUnavailable

    def of_session(self, session_id: str) -> list[Connection]:
        """Query, consistent, all pages. Rows that cannot be read are left out."""
        with translate_errors():
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="sessionId = :id",
                ExpressionAttributeValues={":id": {"S": session_id}},
            )
            return dynamodb.from_items((item for page in pages for item in page["Items"]), from_item)

    def _update(self, session_id: str, connection_id: str, **update: Any) -> bool:
        """Return whether the item was updated; False when the condition fails."""
        with translate_errors():
            try:
                self._client.update_item(TableName=self._table, Key=_key(session_id, connection_id), **update)
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return False
        return True


def to_item(connection: Connection) -> dict[str, dict[str, str]]:
    """Return a connection as an item."""
    deletion = delete_at(admitted=connection.admitted_at is not None, expires_at=connection.expires_at)
    return {
        **dynamodb.to_item(SCHEMA, {field: getattr(connection, field) for field in SCHEMA}),
        "deleteAt": {"N": str(deletion)},
    }


def from_item(item: dynamodb.Item) -> Connection:
    """Return the connection of an item, also of one from the table's stream. Raises UnreadableRow."""
    return dynamodb.from_item(SCHEMA, item, Connection)


def _key(session_id: str, connection_id: str) -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session_id}, "connectionId": {"S": connection_id}}
