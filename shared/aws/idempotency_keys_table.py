"""The idempotency keys table: one item per key, written with its session in one transaction."""

import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.aws import dynamodb, sessions_table
from shared.aws.errors import failed_condition, translate_errors
from shared.sessions.keys import IdempotencyKey, KeyRow, KeyTaken
from shared.sessions.session import ConditionFailed, Session

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

SCHEMA: dynamodb.Schema = {
    "digest": ("keyDigest", "S", str),
    "request_digest": ("requestDigest", "S", str),
    "write_id": ("writeId", "S", str),
    "session_id": ("sessionId", "S", str),
    "session_created_at": ("sessionCreatedAt", "N", int),
    "expires_at": ("expiresAt", "N", int),  # also the table's TTL attribute
}


class IdempotencyKeysTable:
    """The KeyStore on DynamoDB. Raises ServiceUnavailable for temporary faults, otherwise botocore's."""

    def __init__(self, client: "DynamoDBClient", table: str, sessions_table: str) -> None:
        self._client = client
        self._table = table
        self._sessions_table = sessions_table

    def add_with_key(
        self, session: Session, key: IdempotencyKey, *, reusable_before: int
    ) -> Session | KeyTaken | ConditionFailed:
        """TransactWriteItems of the key's row and the session, which the SDK may repeat: it has a token."""
        token = secrets.token_hex(16)
        row = KeyRow(*key, session.id, session.created_at, session.expires_at)
        put_key: PutTypeDef = {
            "TableName": self._table,
            "Item": dynamodb.to_item(SCHEMA, row._asdict()),
            # TTL deletes expired rows days late.
            "ConditionExpression": "attribute_not_exists(keyDigest) OR expiresAt <= :now",
            "ExpressionAttributeValues": {":now": {"N": str(session.created_at // 1000)}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        put_session = sessions_table.put(
            self._sessions_table, session, {"S": token}, reusable_before=reusable_before
        )
        with translate_errors():
            try:
                self._client.transact_write_items(
                    TransactItems=[{"Put": put_key}, {"Put": put_session}], ClientRequestToken=token
                )
            except ClientError as error:
                index, item = failed_condition(error)
                if index == 1:
                    return ConditionFailed(sessions_table.from_item(item))
                current = _row(item)
                if current.write_id != key.write_id:
                    return KeyTaken(current)
        return session

    def get(self, digest: str) -> KeyRow | None:
        """GetItem, consistent: a key can be read as soon as its session is acknowledged."""
        with translate_errors():
            response = self._client.get_item(
                TableName=self._table, Key={"keyDigest": {"S": digest}}, ConsistentRead=True
            )
        return _row(response["Item"]) if "Item" in response else None


def _row(item: dynamodb.Item) -> KeyRow:
    return dynamodb.from_item(SCHEMA, item, KeyRow)
