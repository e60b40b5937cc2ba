"""The audiences table: one item per session, which counts the places of its listeners."""

import secrets
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.audience.ports import Places
from shared.aws import dynamodb
from shared.aws.errors import is_condition_failed, translate_errors

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from shared.audience.connection import SessionRef

SCHEMA: dynamodb.Schema = {
    "taken": ("taken", "N", int),
    "generation": ("generation", "N", int),
    "counted_at": ("countedAt", "N", int),
}

# The id of the take that was the last to succeed: the SDK's retry finds that its first try was applied.
WRITE_ID = "writeId"


class AudiencesTable:
    """The PlaceStore on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def take(self, session: "SessionRef", *, limit: int, delete_at: int) -> Places | None:
        """UpdateItem, if fewer than `limit` places are taken."""
        write_id = {"S": secrets.token_hex(8)}
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(session),
                    UpdateExpression=(
                        f"SET deleteAt = :delete, {WRITE_ID} = :id ADD taken :one, generation :one"
                    ),
                    ConditionExpression=(
                        f"attribute_not_exists(taken) OR (taken < :limit AND {WRITE_ID} <> :id)"
                    ),
                    ExpressionAttributeValues={
                        ":delete": {"N": str(delete_at)},
                        ":id": write_id,
                        ":one": {"N": "1"},
                        ":limit": {"N": str(limit)},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                item: dynamodb.Item = error.response["Item"]  # type: ignore[typeddict-item]  # only here
                return None if item[WRITE_ID] == write_id else _from_item(item)
        return None

    def get(self, session: "SessionRef") -> Places:
        """GetItem, consistent."""
        with translate_errors():
            response = self._client.get_item(TableName=self._table, Key=_key(session), ConsistentRead=True)
        return _from_item(response.get("Item", {}))

    def claim_count(self, session: "SessionRef", *, counted_at: int, now: int) -> bool:
        """UpdateItem, if `countedAt` is still the one that was read."""
        unchanged = "countedAt = :old" if counted_at else "attribute_not_exists(countedAt)"
        values = {":now": now, ":old": counted_at} if counted_at else {":now": now}
        return self._update(
            session, "SET countedAt = :now", f"attribute_exists(taken) AND {unchanged}", values
        )

    def set_taken(self, session: "SessionRef", taken: int, *, generation: int) -> bool:
        """UpdateItem, if no place was taken in the meantime."""
        return self._update(
            session,
            "SET taken = :taken",
            "generation = :generation AND taken > :taken",
            {":taken": taken, ":generation": generation},
        )

    def _update(self, session: "SessionRef", update: str, condition: str, numbers: dict[str, int]) -> bool:
        """Return False when the condition fails, as it does for an item that is absent."""
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(session),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={name: {"N": str(value)} for name, value in numbers.items()},
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                return False
        return True


def _from_item(item: dynamodb.Item) -> Places:
    return dynamodb.from_item(SCHEMA, item, Places)


def _key(session: "SessionRef") -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session.id}, "sessionCreatedAt": {"N": str(session.created_at)}}
