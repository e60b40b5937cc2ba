"""The live captions table: one item per session, its last caption, whose stream delivers captions."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.audience.connection import SessionRef
from shared.aws import dynamodb
from shared.aws.errors import is_condition_failed, translate_errors
from shared.captions.caption import Caption
from shared.captions.ports import PublishRefused
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SCHEMA: dynamodb.Schema = {
    "session_id": ("sessionId", "S", str),
    "session_created_at": ("sessionCreatedAt", "N", int),
    "sequence": ("sequence", "N", int),
    "text": ("text", "S", str),
    "source_language": ("sourceLanguage", "S", dynamodb.word(Language)),
    "spoken_at": ("spokenAt", "N", int),
    "published_at": ("publishedAt", "N", int),
    "expires_at": ("deleteAt", "N", int),
}
KEY_FIELDS = ("session_id", "session_created_at")

MINUTE_MS = 60_000
# A write in the minute of the last caption, one that begins a minute, and the first one again after another
# caption has begun the minute.
MAX_WRITES = 3


class LiveCaptionsTable:
    """The LiveCaptions on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def publish(self, caption: Caption, *, characters_per_minute: int) -> PublishRefused | None:
        """UpdateItem; a second one where this is the first caption of a minute.

        A write that the SDK repeats because its response was lost finds its own caption as the last one.
        """
        characters = len(caption.text)
        begins_minute = False
        for _ in range(MAX_WRITES):
            if begins_minute:
                written, item = self._begin_minute(caption, characters)
            else:
                written, item = self._continue_minute(caption, characters, characters_per_minute)
            if written:
                return None
            last = from_item(item) if "sequence" in item else None
            minute, counted = _number(item, "minute"), _number(item, "minuteCharacters")
            if last and last.sequence >= caption.sequence:
                return PublishRefused(last, minute or 0)
            begins_minute = minute is None or counted is None or minute < _minute(caption)
            minute, counted = (_minute(caption), 0) if begins_minute else (minute or 0, counted or 0)
            if characters_per_minute and counted + characters > characters_per_minute:
                return PublishRefused(last, minute)
        raise ServiceUnavailable

    def last(self, session: SessionRef) -> Caption | None:
        """GetItem, consistent."""
        with translate_errors():
            response = self._client.get_item(TableName=self._table, Key=_key(session), ConsistentRead=True)
        return from_item(response["Item"]) if "Item" in response else None

    def _continue_minute(
        self, caption: Caption, characters: int, characters_per_minute: int
    ) -> tuple[bool, dynamodb.Item]:
        # The minute of the last caption may be later than this one's by the clock of another instance.
        condition = "#minute >= :minute"
        values = {":characters": {"N": str(characters)}}
        if characters_per_minute:
            condition += " AND minuteCharacters <= :most"
            values[":most"] = {"N": str(characters_per_minute - characters)}
        else:
            condition += " AND attribute_exists(minuteCharacters)"
        return self._write(caption, "minuteCharacters = minuteCharacters + :characters", condition, values)

    def _begin_minute(self, caption: Caption, characters: int) -> tuple[bool, dynamodb.Item]:
        return self._write(
            caption,
            "#minute = :minute, minuteCharacters = :characters",
            "(attribute_not_exists(#minute) OR attribute_not_exists(minuteCharacters) OR #minute < :minute)",
            {":characters": {"N": str(characters)}},
        )

    def _write(
        self, caption: Caption, counted: str, condition: str, values: dict[str, dict[str, str]]
    ) -> tuple[bool, dynamodb.Item]:
        """Return whether the caption is written, and otherwise the item that is there, empty if none is."""
        attributes = {
            name: value for name, value in to_item(caption).items() if name not in _key(caption.session)
        }
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(caption.session),
                    UpdateExpression=f"SET {counted}"
                    + "".join(f", #{name} = :{name}" for name in attributes),
                    ConditionExpression=f"(attribute_not_exists(#sequence) OR #sequence < :sequence)"
                    f" AND {condition}",
                    ExpressionAttributeNames={f"#{name}": name for name in ("minute", *attributes)},
                    ExpressionAttributeValues={
                        ":minute": {"N": str(_minute(caption))},
                        **{f":{name}": value for name, value in attributes.items()},
                        **values,
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                item: Any = error.response.get("Item", {})
                return False, item
        return True, {}


def to_item(caption: Caption) -> dict[str, dict[str, str]]:
    """Return a caption as an item, without the characters counted."""
    fields = {name: getattr(caption, name) for name in SCHEMA if name not in KEY_FIELDS}
    return {**_key(caption.session), **dynamodb.to_item(SCHEMA, fields)}


def from_item(item: dynamodb.Item) -> Caption:
    """Return the caption of an item, also of one from the table's stream. Raises UnreadableRow."""
    return dynamodb.from_item(SCHEMA, item, _caption)


def _caption(*, session_id: str, session_created_at: int, **fields: Any) -> Caption:
    return Caption(session=SessionRef(session_id, session_created_at), **fields)


def _key(session: SessionRef) -> dict[str, dict[str, str]]:
    return {"sessionId": {"S": session.id}, "sessionCreatedAt": {"N": str(session.created_at)}}


def _minute(caption: Caption) -> int:
    return caption.published_at // MINUTE_MS


def _number(item: dynamodb.Item, attribute: str) -> int | None:
    value = item.get(attribute, {}).get("N")
    return None if value is None else int(value)
