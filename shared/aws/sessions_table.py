"""The sessions table. Every mutation is one conditional call."""

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from shared.aws.errors import FAULTS, condition_failed, faults_told_apart, logger, reason
from shared.aws.items import Columns, Item, attributes, fields
from shared.sessions.service import Refused
from shared.sessions.session import Change, Guard, Language, QualityTier, Session, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COLUMNS: Columns = {
    "id": ("sessionId", "S", str),
    "speaker": ("speakerId", "S", str),
    "source_language": ("sourceLanguage", "S", Language),
    "quality_tier": ("qualityTier", "S", QualityTier),
    "status": ("status", "S", Status),
    "listener_count": ("listenerCount", "N", int),
    "created_at": ("createdAt", "N", int),
    "updated_at": ("updatedAt", "N", int),
    "expires_at": ("expiresAt", "N", int),
    "ended_at": ("endedAt", "N", int),
    "version": ("version", "N", int),
    "idempotency_key_digest": ("idempotencyKeyDigest", "S", str),
    "request_digest": ("requestDigest", "S", str),
}

# When the SDK sends a write again because the answer to the first got lost, the condition fails on the row
# that this very write has made. So each write signs its row, and one that meets its own signature succeeded.
SIGNATURE = "writeId"


class DynamoDBStore:
    """The domain's Store on one table. Raises TryAgainLater for what a retry may cure, else botocore's."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, session: Session, *, reusable_before: int) -> Session | Refused:
        """PutItem, unless a session holds the id that expires at `reusable_before` (epoch s) or later."""
        signature = {"S": secrets.token_hex(8)}
        with faults_told_apart():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item={**_item(session), SIGNATURE: signature},
                    ConditionExpression="attribute_not_exists(sessionId) OR expiresAt < :reusable",
                    ExpressionAttributeValues={":reusable": {"N": str(reusable_before)}},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return _refused_or_own(error, signature)
        return session

    def get(self, session_id: str) -> Session | None:
        """GetItem, consistent: whoever was told an id can read it at once."""
        with faults_told_apart():
            response = self._client.get_item(TableName=self._table, Key=_key(session_id), ConsistentRead=True)
        return session_of(response["Item"]) if "Item" in response else None

    def update(self, session_id: str, change: Change, guard: Guard) -> Session | Refused:
        """UpdateItem under the guard's condition."""
        signature = {"S": secrets.token_hex(8)}
        sets = {**attributes(COLUMNS, change.assignments(guard.now)), SIGNATURE: signature}
        condition, values = _condition(guard)
        with faults_told_apart():
            try:
                response = self._client.update_item(
                    TableName=self._table,
                    Key=_key(session_id),
                    UpdateExpression="SET #version = #version + :one"
                    + "".join(f", #{name} = :{name}" for name in sets),
                    # Sent again by the SDK, it must not be made twice: its signature is there already.
                    ConditionExpression=f"{condition} AND #{SIGNATURE} <> :{SIGNATURE}",
                    ExpressionAttributeNames={f"#{name}": name for name in ("status", "version", *sets)},
                    ExpressionAttributeValues={
                        ":one": {"N": "1"},
                        **{f":{name}": value for name, value in sets.items()},
                        **values,
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return _refused_or_own(error, signature)
        return session_of(response["Attributes"])

    def answers(self) -> bool:
        """Whether the table can be read: one GetItem of half a read unit, for an id that no session has."""
        try:
            self._client.get_item(TableName=self._table, Key=_key("health"))
        except FAULTS as error:
            # No traceback: botocore's message names the table and the account.
            logger.error("The sessions table does not answer", extra={"reason": reason(error)})
            return False
        return True


def _key(session_id: str) -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session_id}}


def _condition(guard: Guard) -> tuple[str, dict[str, dict[str, str]]]:
    """The guard as a ConditionExpression and its values; on an absent row every comparison is false."""
    values: dict[str, dict[str, str]] = {
        ":now": {"N": str(guard.now // 1000)},
        ":speaker": {"S": guard.speaker},
        **{f":from{i}": {"S": status} for i, status in enumerate(sorted(guard.statuses))},
    }
    if guard.versions is not None:
        # IN takes no empty list, and no session has version 0.
        versions = sorted(guard.versions or {0})
        values |= {f":version{i}": {"N": str(version)} for i, version in enumerate(versions)}

    def among(prefix: str) -> str:
        return ", ".join(name for name in values if name.startswith(prefix))

    condition = f"expiresAt > :now AND speakerId = :speaker AND #status IN ({among(':from')})"
    if guard.versions is not None:
        condition += f" AND #version IN ({among(':version')})"
    return condition, values


def _item(session: Session) -> dict[str, dict[str, str]]:
    return attributes(COLUMNS, {field: getattr(session, field) for field in COLUMNS})


def session_of(item: Item) -> Session:
    """The session that a row stands for, also one from the table's stream."""
    return Session(**fields(COLUMNS, item))


def _refused_or_own(error: ClientError, signature: Mapping[str, str]) -> Session | Refused:
    """What a failed condition met, or what this very write has left; other errors are raised again."""
    if not condition_failed(error):
        raise error
    item: Item | None = error.response.get("Item")  # type: ignore[assignment]  # only this error carries a row
    if item is None:
        return Refused(None)
    return session_of(item) if item.get(SIGNATURE) == signature else Refused(session_of(item))
