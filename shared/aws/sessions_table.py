"""The sessions table. Every mutation is one conditional call."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.aws import dynamodb
from shared.aws.errors import AWS_ERRORS, error_code, is_condition_failed, logger, translate_errors
from shared.sessions.session import (
    GRACE_S,
    ConditionFailed,
    EndReason,
    Language,
    Precondition,
    QualityTier,
    Session,
    SessionPatch,
    Status,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef

SCHEMA: dynamodb.Schema = {
    "id": ("sessionId", "S", str),
    "speaker": ("speakerId", "S", str),
    "source_language": ("sourceLanguage", "S", dynamodb.word(Language)),
    "quality_tier": ("qualityTier", "S", dynamodb.word(QualityTier)),
    "status": ("status", "S", dynamodb.word(Status)),
    "listener_count": ("listenerCount", "N", int),
    "max_listeners": ("maxListeners", "N", int),
    "created_at": ("createdAt", "N", int),
    "updated_at": ("updatedAt", "N", int),
    "expires_at": ("expiresAt", "N", int),
    "ended_at": ("endedAt", "N", int),
    "end_reason": ("endReason", "S", dynamodb.word(EndReason)),
    "speaker_connected_since": ("speakerConnectedSince", "N", int),
    "speaker_connected_until": ("speakerConnectedUntil", "N", int),
    "speaker_absent_since": ("speakerAbsentSince", "N", int),
    "absence_announced_at": ("absenceAnnouncedAt", "N", int),
    "due_at": ("dueAt", "N", int),
    "version": ("version", "N", int),
}

# When the SDK repeats a write whose response was lost, the condition fails on the item that this very write
# has left. So each write stores a random id, and a write that meets its own id has succeeded.
WRITE_ID = "writeId"

# The partition key of the index by due time, the same for all sessions that have one: see due_index.
DUE_PARTITION = {"duePartition": {"S": "due"}}


class SessionsTable:
    """The SessionStore on DynamoDB. Raises ServiceUnavailable for temporary faults, otherwise botocore's."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, session: Session, *, reusable_before: int) -> Session | ConditionFailed:
        """PutItem, unless a session has the id that expires at `reusable_before` (epoch s) or later."""
        write_id = {"S": secrets.token_hex(8)}
        with translate_errors():
            try:
                self._client.put_item(**put(self._table, session, write_id, reusable_before=reusable_before))
            except ClientError as error:
                return _own_write_or_condition_failed(error, write_id)
        return session

    def get(self, session_id: str) -> Session | None:
        """GetItem, consistent: a session can be read as soon as its id is known."""
        with translate_errors():
            response = self._client.get_item(TableName=self._table, Key=_key(session_id), ConsistentRead=True)
        return from_item(response["Item"]) if "Item" in response else None

    def update(
        self, session_id: str, patch: SessionPatch, precondition: Precondition
    ) -> Session | ConditionFailed:
        """UpdateItem with the precondition as its condition."""
        write_id = {"S": secrets.token_hex(8)}
        attributes = {**_attributes(patch.assignments(precondition.now)), WRITE_ID: write_id}
        condition, values = _condition(precondition)
        with translate_errors():
            try:
                response = self._client.update_item(
                    TableName=self._table,
                    Key=_key(session_id),
                    UpdateExpression="SET #version = #version + :one"
                    + "".join(f", #{name} = :{name}" for name in attributes),
                    # A write that the SDK repeats must not be applied twice: its id is there already.
                    ConditionExpression=f"{condition} AND #{WRITE_ID} <> :{WRITE_ID}",
                    ExpressionAttributeNames={
                        f"#{name}": name for name in ("status", "version", *attributes)
                    },
                    ExpressionAttributeValues={
                        ":one": {"N": "1"},
                        **{f":{name}": value for name, value in attributes.items()},
                        **values,
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return _own_write_or_condition_failed(error, write_id)
        return from_item(response["Attributes"])

    def ping(self) -> bool:
        """Return whether the table can be read: one GetItem of half a read unit, for an impossible id."""
        try:
            self._client.get_item(TableName=self._table, Key=_key("health"))
        except AWS_ERRORS as error:
            # No traceback: botocore's message names the table and the account.
            logger.error("The sessions table does not answer", extra={"reason": error_code(error)})
            return False
        return True


def put(table: str, session: Session, write_id: Mapping[str, str], *, reusable_before: int) -> "PutTypeDef":
    """Return the put of a session, unless a session has its id that expires at `reusable_before` or later."""
    return {
        "TableName": table,
        "Item": {**to_item(session), WRITE_ID: write_id},
        "ConditionExpression": "attribute_not_exists(sessionId) OR expiresAt < :reusable",
        "ExpressionAttributeValues": {":reusable": {"N": str(reusable_before)}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def to_item(session: Session) -> dict[str, dict[str, str]]:
    """Return a session as an item."""
    return _attributes({field: getattr(session, field) for field in SCHEMA})


def from_item(item: dynamodb.Item) -> Session:
    """Return the session of an item, also of one from the table's stream. Raises UnreadableRow."""
    return dynamodb.from_item(SCHEMA, item, Session)


def _attributes(fields: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    """Return fields of a session as attributes, with those that DynamoDB itself reads: index key and TTL."""
    attributes = dynamodb.to_item(SCHEMA, fields)
    if fields.get("due_at") is not None:
        attributes |= DUE_PARTITION
    if (expires_at := fields.get("expires_at")) is not None:
        attributes["deleteAt"] = {"N": str(int(expires_at) + GRACE_S)}
    return attributes


def _key(session_id: str) -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session_id}}


def _condition(precondition: Precondition) -> tuple[str, dict[str, dict[str, str]]]:
    """Return the ConditionExpression and its values; on an absent item every comparison is false."""
    values: dict[str, dict[str, str]] = {
        ":now": {"N": str(precondition.now // 1000)},
        ":speaker": {"S": precondition.speaker},
        **{f":from{i}": {"S": status} for i, status in enumerate(sorted(precondition.statuses))},
    }
    if precondition.versions is not None:
        # IN takes no empty list, and no session has version 0.
        versions = sorted(precondition.versions or {0})
        values |= {f":version{i}": {"N": str(version)} for i, version in enumerate(versions)}

    def names(prefix: str) -> str:
        return ", ".join(name for name in values if name.startswith(prefix))

    condition = f"expiresAt > :now AND speakerId = :speaker AND #status IN ({names(':from')})"
    if precondition.versions is not None:
        condition += f" AND #version IN ({names(':version')})"
    if precondition.absent_since is not None:
        values[":absent"] = {"N": str(precondition.absent_since)}
        condition += " AND speakerAbsentSince = :absent"
    return condition, values


def _own_write_or_condition_failed(
    error: ClientError, write_id: Mapping[str, str]
) -> Session | ConditionFailed:
    """Return what a failed condition met; other errors are raised again."""
    if not is_condition_failed(error):
        raise error
    item: dynamodb.Item | None = error.response.get("Item")  # type: ignore[assignment]  # only here
    if item is None:
        return ConditionFailed(None)
    return from_item(item) if item.get(WRITE_ID) == write_id else ConditionFailed(from_item(item))
