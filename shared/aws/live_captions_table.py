"""The live_captions table: the last caption of each session."""

from typing import Any

from shared.audience.connection import SessionRef
from shared.aws import dynamodb
from shared.captions.caption import Caption
from shared.sessions.session import Language

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


def to_item(caption: Caption) -> dict[str, dict[str, str]]:
    """Return a caption as an item."""
    values: dict[str, Any] = {name: getattr(caption, name) for name in list(SCHEMA)[2:]}
    values |= {"session_id": caption.session.id, "session_created_at": caption.session.created_at}
    return dynamodb.to_item(SCHEMA, values)


def from_item(item: dynamodb.Item) -> Caption:
    """Return the caption of an item, also of one from the table's stream. Raises UnreadableRow."""
    return dynamodb.from_item(SCHEMA, item, _caption)


def _caption(session_id: str, session_created_at: int, **fields: Any) -> Caption:
    return Caption(session=SessionRef(session_id, session_created_at), **fields)
