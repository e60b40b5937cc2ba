"""The sessions table: the only module that speaks DynamoDB. Every mutation is one conditional call."""

import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as UnreachableError
from botocore.parsers import ResponseParserError

from shared.sessions.errors import TryAgainLater
from shared.sessions.service import Refused
from shared.sessions.session import Change, Guard, Language, QualityTier, Session, Status

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Mapping[str, Any]]
"""A row as DynamoDB sends it: {"listenerCount": {"N": "3"}}."""

# Field of Session: (attribute of the row, type for DynamoDB, how to read it back).
ATTRIBUTES: Mapping[str, tuple[str, str, Callable[[str], object]]] = {
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

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
TRANSIENT_CODES = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)

FAULTS = (ClientError, BotoCoreError, ResponseParserError)

logger = logging.getLogger("dynamodb")


class DynamoDBStore:
    """The domain's Store on one table. Raises TryAgainLater for what a retry may cure, else botocore's."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        client.meta.events.register("before-parse.dynamodb", _must_be_json)
        self._client = client
        self._table = table

    def add(self, session: Session, *, reusable_before: int) -> Session | Refused:
        """PutItem, unless a session holds the id that expires at `reusable_before` (epoch s) or later."""
        signature = {"S": secrets.token_hex(8)}
        with _faults_told_apart():
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
        with _faults_told_apart():
            response = self._client.get_item(TableName=self._table, Key=_key(session_id), ConsistentRead=True)
        return _session(response["Item"]) if "Item" in response else None

    def update(self, session_id: str, change: Change, guard: Guard) -> Session | Refused:
        """UpdateItem under the guard's condition."""
        signature = {"S": secrets.token_hex(8)}
        sets = {**_attributes(change.assignments(guard.now)), SIGNATURE: signature}
        condition, values = _condition(guard)
        with _faults_told_apart():
            try:
                response = self._client.update_item(
                    TableName=self._table,
                    Key=_key(session_id),
                    UpdateExpression="SET #version = #version + :one"
                    + "".join(f", #{name} = :{name}" for name in sets),
                    ConditionExpression=condition,
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
        return _session(response["Attributes"])

    def answers(self) -> bool:
        """Whether the table can be read: one GetItem of half a read unit, for an id that no session has."""
        try:
            self._client.get_item(TableName=self._table, Key=_key("health"))
        except FAULTS as error:
            # No traceback: botocore's message names the table and the account.
            logger.error("The sessions table does not answer", extra={"reason": _reason(error)})  # noqa: TRY400
            return False
        return True


def _must_be_json(response_dict: Mapping[str, Any], **_: object) -> None:
    """Raise for half an answer or a proxy's page: botocore reads what is no JSON as if no row were there."""
    if response_dict["status_code"] == 200:
        try:
            json.loads(response_dict["body"])
        except ValueError as error:
            raise ResponseParserError("The answer is not JSON") from error


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
    values = {field: getattr(session, field) for field in ATTRIBUTES}
    return _attributes({field: value for field, value in values.items() if value is not None})


def _attributes(values: Mapping[str, str | int]) -> dict[str, dict[str, str]]:
    """Fields of a session as attributes of its row."""
    return {ATTRIBUTES[field][0]: {ATTRIBUTES[field][1]: str(value)} for field, value in values.items()}


def _session(item: Item) -> Session:
    values: dict[str, Any] = {
        field: read(item[attribute][kind])
        for field, (attribute, kind, read) in ATTRIBUTES.items()
        if attribute in item
    }
    return Session(**values)


def _refused_or_own(error: ClientError, signature: Mapping[str, str]) -> Session | Refused:
    """What a failed condition met, or what this very write has left; other errors are raised again."""
    if _reason(error) != "ConditionalCheckFailedException":
        raise error
    item: Item | None = error.response.get("Item")  # type: ignore[assignment]  # only this error carries a row
    if item is None:
        return Refused(None)
    return _session(item) if item.get(SIGNATURE) == signature else Refused(_session(item))


@contextmanager
def _faults_told_apart() -> Iterator[None]:
    """Raise TryAgainLater for throttling, time-outs, broken connections and 5xx; all else is a bug."""
    try:
        yield
    except (HTTPClientError, UnreachableError, ResponseParserError) as error:
        logger.warning("DynamoDB did not answer", extra={"reason": _reason(error)})
        raise TryAgainLater from error
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status < 500 and _reason(error) not in TRANSIENT_CODES:
            raise
        logger.warning("DynamoDB could not answer", extra={"reason": _reason(error)})
        raise TryAgainLater from error


def _reason(error: Exception) -> str:
    """The error code or class: messages may name tables and accounts."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
