"""Messages about captions from the service to clients, as JSON."""

from collections.abc import Iterable
from typing import Literal, TypedDict

from shared.audience.messages import encode
from shared.captions.caption import StoredCaption
from shared.sessions.session import Language

# API Gateway closes a connection on a larger frame:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MAX_MESSAGE_BYTES = 32 * 1024


class CaptionView(TypedDict):
    """A caption as clients see it in one language. `spokenAt` is epoch ms.

    `language` is that of `text`: the source language where there is no translation.
    """

    sequence: int
    language: Language
    text: str
    sourceLanguage: Language
    translated: bool
    spokenAt: int


class CaptionMessage(CaptionView):
    """To the speaker and to listeners: one caption. `timestamp` is when it was published, epoch ms."""

    type: Literal["caption"]
    sessionId: str
    timestamp: int


class Captions(TypedDict):
    """To a listener who has joined or has changed the language: the last captions, in ascending order."""

    type: Literal["captions"]
    captions: list[CaptionView]
    timestamp: int


class CaptionPublished(TypedDict):
    """The answer to `publishCaption`, also when a caption is repeated."""

    type: Literal["captionPublished"]
    sequence: int
    timestamp: int


class TranslatedAudio(TypedDict):
    """To listeners of a premium session, after the caption: its translation into their language, spoken.

    `url` is an MP3 file that anybody may read for ten minutes from `timestamp` (epoch ms) on. `transcript` is
    what is spoken. A message may arrive twice.
    """

    type: Literal["translatedAudio"]
    sessionId: str
    sequenceNumber: int
    targetLanguage: Language
    url: str
    transcript: str
    timestamp: int


def caption_view(stored: StoredCaption, language: Language) -> CaptionView:
    """Return the caption in the language, or in the source language where it is not translated."""
    text_language, text, translated = stored.text_in(language)
    return {
        "sequence": stored.caption.sequence,
        "language": text_language,
        "text": text,
        "sourceLanguage": stored.caption.source_language,
        "translated": translated,
        "spokenAt": stored.caption.spoken_at,
    }


def caption(stored: StoredCaption, language: Language) -> CaptionMessage:
    """Return the message about one caption to those who listen in the language."""
    return {
        "type": "caption",
        "sessionId": stored.caption.session.id,
        **caption_view(stored, language),
        "timestamp": stored.caption.published_at,
    }


def captions(history: Iterable[StoredCaption], language: Language, now: int) -> Captions:
    """Return the message about the last captions, which are in ascending order, at `now` (epoch ms).

    The oldest are left out where the message would exceed MAX_MESSAGE_BYTES.
    """
    message: Captions = {
        "type": "captions",
        "captions": [caption_view(stored, language) for stored in history],
        "timestamp": now,
    }
    excess = len(encode(message)) - MAX_MESSAGE_BYTES
    while excess > 0 and message["captions"]:
        excess -= len(encode(message["captions"].pop(0))) + len(",")
    return message


def caption_published(sequence: int, now: int) -> CaptionPublished:
    """Return the answer that the caption is published, at `now` (epoch ms)."""
    return {"type": "captionPublished", "sequence": sequence, "timestamp": now}


def translated_audio(stored: StoredCaption, language: Language, url: str, now: int) -> TranslatedAudio:
    """Return the message about the voice of a translation, at `now` (epoch ms)."""
    return {
        "type": "translatedAudio",
        "sessionId": stored.caption.session.id,
        "sequenceNumber": stored.caption.sequence,
        "targetLanguage": language,
        "url": url,
        "transcript": stored.translations[language],
        "timestamp": now,
    }
