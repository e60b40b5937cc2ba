"""The messages of clients in the AsyncAPI document: their fields, examples and answers."""

from dataclasses import dataclass
from typing import Any

from scripts.docs.openapi.samples import SESSION
from shared.captions.caption import MAX_SEQUENCE, MAX_TEXT
from shared.sessions import ids
from shared.sessions.session import Language

Json = dict[str, Any]


@dataclass(frozen=True)
class ClientMessage:
    """A message of clients. `answer` names the message that answers it if it is carried out.

    `refused` is whether it may be answered with `refused` instead.
    """

    action: str
    summary: str
    answer: str
    fields: Json
    required: tuple[str, ...]
    example: Json
    refused: bool = True

    def payload(self) -> Json:
        """Return the JSON schema. The service ignores other fields."""
        return {
            "type": "object",
            "properties": {"action": {"type": "string", "const": self.action}, **self.fields},
            "required": ["action", *self.required],
            "additionalProperties": True,
        }


_SESSION_ID: Json = {
    "sessionId": {
        "type": "string",
        "pattern": ids.PATTERN,
        "description": "Optional. If it is there, it must be the connection's own session.",
    }
}

CLIENT_MESSAGES = (
    ClientMessage(
        action="heartbeat",
        summary="Keeps the connection open.",
        answer="heartbeatAck",
        fields={},
        required=(),
        example={"action": "heartbeat"},
        refused=False,
    ),
    ClientMessage(
        action="joinSession",
        summary="Asks for the session's current state: how a client of an open connection resynchronizes.",
        answer="sessionJoined",
        fields=_SESSION_ID,
        required=(),
        example={"action": "joinSession"},
    ),
    ClientMessage(
        action="changeLanguage",
        summary="From a listener: what follows is in another language. `captions` in it follows the answer.",
        answer="languageChanged",
        fields={**_SESSION_ID, "targetLanguage": {"type": "string", "enum": list(Language)}},
        required=("targetLanguage",),
        example={"action": "changeLanguage", "targetLanguage": "fr"},
    ),
    ClientMessage(
        action="publishCaption",
        summary="From the speaker: one finished piece of what was said. Send the next one after the answer.",
        answer="captionPublished",
        fields={
            **_SESSION_ID,
            "sequence": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_SEQUENCE,
                "description": "Above that of the session's last caption. The last one may be repeated with "
                "the same text, if its answer was lost.",
            },
            "text": {
                "type": "string",
                "minLength": 1,
                "maxLength": MAX_TEXT,
                "pattern": r"\S",
                "description": "In the session's source language. Not all of it spaces, and without control "
                "characters other than newline and tab.",
            },
            "spokenAt": {
                "type": "integer",
                "format": "int64",
                "description": "When it was spoken, epoch ms; without it, when it was received. It is moved "
                "into the time from the session's creation to the receipt.",
            },
        },
        required=("sequence", "text"),
        example={
            "action": "publishCaption",
            "sequence": 42,
            "text": "Good morning, dear friends.",
            "spokenAt": SESSION.created_at + 60_000,
        },
    ),
)
