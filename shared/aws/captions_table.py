"""The captions table: one item per caption with all its translations, deleted when its session expires.

The partition key has the session's creation time, so that a session never shows the captions of another one
that had its id.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from shared.audience.connection import SessionRef
from shared.aws import dynamodb
from shared.aws.errors import is_condition_failed, translate_errors
from shared.captions.caption import Caption, CaptionPage, StoredCaption
from shared.sessions.session import Language

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def _session_ref(key: str) -> SessionRef:
    session_id, _, created_at = key.rpartition("#")
    return SessionRef(session_id, int(created_at))


SCHEMA: dynamodb.Schema = {
    "session": ("sessionKey", "S", _session_ref),
    "sequence": ("sequence", "N", int),
    "text": ("text", "S", str),
    "source_language": ("sourceLanguage", "S", dynamodb.word(Language)),
    "spoken_at": ("spokenAt", "N", int),
    "published_at": ("publishedAt", "N", int),
    "expires_at": ("deleteAt", "N", int),
}
_language = dynamodb.word(Language)


class CaptionsTable:
    """The CaptionHistory on DynamoDB. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, caption: Caption) -> StoredCaption:
        """PutItem, if the item does not exist. Raises UnreadableRow for an item that cannot be read."""
        with translate_errors():
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=to_item(StoredCaption(caption=caption)),
                    ConditionExpression="attribute_not_exists(sessionKey)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise
                # Also the item that this very write has left, if the SDK repeated it after a lost response.
                item: dynamodb.Item = error.response["Item"]  # type: ignore[typeddict-item]  # only here
                return from_item(item)
        return StoredCaption(caption=caption)

    def set_translations(self, caption: Caption, translations: Mapping[Language, str]) -> None:
        """UpdateItem, if the item exists."""
        self._set(caption, {"translations": _translations(translations)})

    def set_delivered(self, caption: Caption, at: int, *, voice: bool = False) -> None:
        """UpdateItem, if the item exists. The record of one with `voice` invokes speak_captions."""
        mark = {"voice": {"BOOL": True}} if voice else {}
        self._set(caption, {"deliveredAt": {"N": str(at)}, **mark})

    def last(self, session: SessionRef, limit: int) -> list[StoredCaption]:
        """Query, consistent and backwards. Items that cannot be read are left out.

        DynamoDB stops at 1 MB, which has more captions than a message can.
        """
        response = self._query(session, ":key", {}, limit, ScanIndexForward=False, ConsistentRead=True)
        return dynamodb.from_items(response["Items"], from_item)[::-1]

    def after(self, session: SessionRef, sequence: int, limit: int) -> CaptionPage:
        """Query, eventually consistent. Items that cannot be read are left out."""
        # One more than the page: DynamoDB returns LastEvaluatedKey whenever it stops at Limit, also after the
        # last item, so only a further item shows that there is a next page.
        response = self._query(
            session, ":key AND #sequence > :after", {":after": {"N": str(sequence)}}, limit + 1,
            ExpressionAttributeNames={"#sequence": "sequence"},
        )  # fmt: skip
        items, following = response["Items"][:limit], response["Items"][limit:]
        # It also stops at 1 MB, and then more may follow although the page is not full.
        more = following or "LastEvaluatedKey" in response
        return CaptionPage(
            dynamodb.from_items(items, from_item),
            int(items[-1]["sequence"]["N"]) if more and items else None,
            next(iter(dynamodb.from_items(following, from_item)), None),
        )

    def _query(
        self, session: SessionRef, condition: str, values: Mapping[str, Any], limit: int, **parameters: Any
    ) -> Any:
        with translate_errors():
            return self._client.query(
                TableName=self._table,
                KeyConditionExpression=f"sessionKey = {condition}",
                ExpressionAttributeValues={":key": {"S": session.key}, **values},
                Limit=limit,
                **parameters,
            )

    def _set(self, caption: Caption, attributes: Mapping[str, Mapping[str, Any]]) -> None:
        with translate_errors():
            try:
                self._client.update_item(
                    TableName=self._table,
                    Key={
                        "sessionKey": {"S": caption.session.key},
                        "sequence": {"N": str(caption.sequence)},
                    },
                    UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
                    # An update must not create the item again that TTL has deleted.
                    ConditionExpression="attribute_exists(sessionKey)",
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
                )
            except ClientError as error:
                if not is_condition_failed(error):
                    raise


def to_item(stored: StoredCaption) -> dict[str, dict[str, Any]]:
    """Return a caption as an item."""
    caption = stored.caption
    fields = {field: getattr(caption, field) for field in SCHEMA if field != "session"}
    item: dict[str, dict[str, Any]] = {
        "sessionKey": {"S": caption.session.key},
        **dynamodb.to_item(SCHEMA, fields),
    }
    if stored.translations:
        item["translations"] = _translations(stored.translations)
    if stored.delivered_at is not None:
        item["deliveredAt"] = {"N": str(stored.delivered_at)}
    if stored.voice:
        item["voice"] = {"BOOL": True}
    return item


def from_item(item: dynamodb.Item) -> StoredCaption:
    """Return the caption of an item. Raises UnreadableRow."""
    return dynamodb.from_item(_STORED_SCHEMA, item, _stored_caption)


def _stored_caption(
    translations: Mapping[Language, str] | None = None,
    delivered_at: int | None = None,
    voice: bool = False,
    **fields: Any,
) -> StoredCaption:
    return StoredCaption(
        caption=Caption(**fields), translations=translations or {}, delivered_at=delivered_at, voice=voice
    )


def _read_translations(attributes: Mapping[str, Mapping[str, str]]) -> Mapping[Language | str, str]:
    return {_language(name): value["S"] for name, value in attributes.items()}


_STORED_SCHEMA: dynamodb.Schema = {
    **SCHEMA,
    "translations": ("translations", "M", _read_translations),
    "delivered_at": ("deliveredAt", "N", int),
    "voice": ("voice", "BOOL", bool),
}


def _translations(translations: Mapping[Language, str]) -> dict[str, Any]:
    return {"M": {language: {"S": text} for language, text in translations.items()}}
