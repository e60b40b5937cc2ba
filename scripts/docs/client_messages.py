"""The messages of clients in the AsyncAPI document: their fields, examples and answers."""

import base64
from dataclasses import dataclass
from typing import Any

from scripts.docs.openapi.samples import SESSION
from shared.audio import chunk as audio
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


def _base64_length(size: int) -> int:
    """Return the number of characters of so many bytes in base64."""
    return (size + 2) // 3 * 4


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
    ClientMessage(
        action="audioChunk",
        summary="From the speaker, where the environment has an audio stream: a chunk of audio. "
        "Chunks need not wait for each other's answers. Without a stream the answer is UNKNOWN_ACTION.",
        answer="audioAccepted",
        fields={
            **_SESSION_ID,
            "audioData": {
                "type": "string",
                "contentEncoding": "base64",
                "minLength": _base64_length(audio.MIN_BYTES),
                "maxLength": _base64_length(audio.MAX_BYTES),
                # Eight characters are six bytes. An even number of bytes has four more at the end, or two.
                "pattern": "^(?:[A-Za-z0-9+/]{8})*(?:[A-Za-z0-9+/]{6}==|[A-Za-z0-9+/]{3}=)?$",
                "description": f"Base64 of {audio.MIN_BYTES} to {audio.MAX_BYTES:,} bytes, an even number: "
                "PCM, signed 16 bit little-endian, 16 kHz, one channel.",
            },
            "timestamp": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "maximum": audio.MAX_TIMESTAMP,
                "description": "When it was recorded, epoch ms.",
            },
            "sequence": {
                "type": "integer",
                "minimum": 1,
                "maximum": audio.MAX_SEQUENCE,
                "description": "Optional. It rises with each chunk of the session. Chunks are ordered by it, "
                "otherwise by `timestamp`.",
            },
            "format": {"type": "string", "const": audio.FORMAT},
            "sampleRate": {"type": "integer", "const": audio.SAMPLE_RATE},
            "channels": {"type": "integer", "const": audio.CHANNELS},
            "encoding": {"type": "string", "const": audio.ENCODING},
        },
        required=("audioData", "timestamp"),
        example={
            "action": "audioChunk",
            "audioData": base64.b64encode(bytes(audio.MIN_BYTES)).decode(),
            "timestamp": SESSION.created_at + 60_000,
            "sequence": 7,
        },
    ),
)
