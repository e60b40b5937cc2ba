"""Messages: exactly what docs/asyncapi.json allows is accepted, from connections that may send it alone."""

import base64
import json
import re
import unicodedata
from typing import Any

from shared.audience.requests import LanguageChange
from shared.audio.requests import NewAudio
from shared.captions.requests import NewCaption
from shared.events import websocket_api
from shared.sessions.session import Language
from tests.stress.fuzz.harnesses.strings import string
from tests.support import websocket_events

SUBJECT = "02b5e4c4-70a1-70ec-1d3f-9f5a0f6d2c55"
SESSION_ID = "blessed-shepherd-427"
# Bits of the first byte.
SIGNED_IN, LISTENS, SPEAKS, BASE64, INVOCATION = 1, 2, 4, 8, 16


@websocket_api.message_or_invocation("publishCaption")
def publish_caption(message: websocket_api.Message) -> websocket_api.Answer:
    """Read what functions/publish_caption reads."""
    speaker, caption = message.speaker, message.json(NewCaption)
    return {
        "type": "accepted",
        "speaker": speaker,
        "session": message.session_id,
        "caption": [caption.sequence, caption.text, caption.spoken_at],
    }


@websocket_api.message
def change_language(message: websocket_api.Message) -> websocket_api.Answer:
    """Read what functions/change_language reads."""
    listener, change = message.listener, message.json(LanguageChange)
    return {
        "type": "accepted",
        "listener": listener,
        "session": message.session_id,
        "language": change.target_language,
    }


@websocket_api.message
def send_audio(message: websocket_api.Message) -> websocket_api.Answer:
    """Read what functions/send_audio reads."""
    speaker, new = message.speaker, message.json(NewAudio)
    return {
        "type": "accepted",
        "speaker": speaker,
        "session": message.session_id,
        "chunk": [base64.b64encode(new.audio).decode(), new.timestamp, new.sequence],
    }


def check(data: bytes) -> None:
    """Send the bytes after the first one as a message; the first one says on what kind of connection."""
    flags, text = (data[0] if data else 0), string(data[1:])
    if flags & INVOCATION:
        _check_invocation(text)
        return
    sent = _sent_object(text, is_base64=bool(flags & BASE64))
    own = sent is not None and sent.get("sessionId", SESSION_ID) == SESSION_ID

    answer = _answer(publish_caption, "publishCaption", flags, text)
    if not (flags & SPEAKS and flags & SIGNED_IN):
        assert answer["code"] == "NOT_AUTHORIZED"
    elif own and sent is not None and _is_caption(sent):
        caption = [sent["sequence"], sent["text"], sent.get("spokenAt")]
        assert answer == {
            "type": "accepted",
            "speaker": SUBJECT,
            "session": SESSION_ID,
            "caption": caption,
        }
    else:
        assert answer["code"] == "INVALID_MESSAGE"

    answer = _answer(send_audio, "audioChunk", flags, text)
    if not (flags & SPEAKS and flags & SIGNED_IN):
        assert answer["code"] == "NOT_AUTHORIZED"
    elif own and sent is not None and _is_audio(sent):
        audio = base64.b64encode(base64.b64decode(sent["audioData"])).decode()
        chunk = [audio, sent["timestamp"], sent.get("sequence")]
        assert answer == {"type": "accepted", "speaker": SUBJECT, "session": SESSION_ID, "chunk": chunk}
    else:
        assert answer["code"] == "INVALID_MESSAGE"

    answer = _answer(change_language, "changeLanguage", flags, text)
    if flags & SPEAKS or not flags & LISTENS:
        assert answer["code"] == "NOT_AUTHORIZED"
    elif own and sent is not None and sent.get("targetLanguage") in [*Language]:
        assert (answer["listener"], answer["session"]) == (websocket_events.CONNECTION_ID, SESSION_ID)
        assert answer["language"] == sent["targetLanguage"]
    else:
        assert answer["code"] == "INVALID_MESSAGE"


def _answer(function: Any, action: str, flags: int, text: str) -> dict[str, Any]:
    event = websocket_events.message(action, text, session_id=SESSION_ID)
    event["isBase64Encoded"] = bool(flags & BASE64)
    asks = "speak" if flags & SPEAKS else "listen" if flags & LISTENS else None
    context = {"sessionId": SESSION_ID, "subject": SUBJECT if flags & SIGNED_IN else "", "asks": asks}
    event["requestContext"]["authorizer"] = {
        name: value for name, value in context.items() if value is not None
    }

    response = function(event, None)

    assert response.keys() == {"statusCode", "body"}
    assert response["statusCode"] == 200
    response["body"].encode()
    return _checked(json.loads(response["body"]), action)


def _check_invocation(text: str) -> None:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        return
    if isinstance(event, dict) and "requestContext" in event:
        return

    answer = _checked(json.loads(json.dumps(publish_caption(event, None))), "publishCaption")

    valid = isinstance(event, dict) and isinstance(event.get("sessionId"), str) and _is_caption(event)
    assert (answer["type"] == "accepted") == valid
    if not valid:
        assert answer["code"] == "INVALID_MESSAGE"


def _checked(answer: dict[str, Any], action: str) -> dict[str, Any]:
    """Return the answer; an error has the shape of every error."""
    if answer["type"] == "error":
        assert answer["code"] in ("INVALID_MESSAGE", "NOT_AUTHORIZED"), answer
        assert answer["action"] == action
        assert type(answer.get("sequence", 0)) is int
        if answer["code"] == "INVALID_MESSAGE":
            assert answer["message"] == answer["details"][0]["message"]
    return answer


def _sent_object(text: str, *, is_base64: bool) -> dict[str, Any] | None:
    """Return the JSON object that the client has sent; None if it is none, or ambiguous, or not Unicode."""
    try:
        body = base64.b64decode(text, validate=True) if is_base64 else text.encode()
        value = json.loads(body.decode() or "{}", object_pairs_hook=_unique, parse_constant=_unique)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError, TypeError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: Any) -> dict[str, Any]:
    if isinstance(pairs, str) or len(dict(pairs)) != len(pairs):
        raise ValueError(pairs)
    return dict(pairs)


def _is_audio(sent: dict[str, Any]) -> bool:
    data, timestamp, sequence = sent.get("audioData"), sent.get("timestamp"), sent.get("sequence", 1)
    described = {"format": "pcm", "sampleRate": 16_000, "channels": 1, "encoding": "s16le"}
    return (
        isinstance(data, str)
        and re.fullmatch("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", data) is not None
        and (size := len(data) * 3 // 4 - data.count("=")) in range(100, 24_001)
        and size % 2 == 0
        and type(timestamp) is int
        and timestamp in range(2**53)
        and type(sequence) is int
        and sequence in range(1, 2**31)
        and all(
            type(sent.get(field, value)) is type(value) and sent.get(field, value) == value
            for field, value in described.items()
        )
    )


def _is_caption(sent: dict[str, Any]) -> bool:
    sequence, text, spoken_at = sent.get("sequence"), sent.get("text"), sent.get("spokenAt", 0)
    return (
        type(sequence) is int
        and sequence in range(1, 2**31)
        and isinstance(text, str)
        and len(text) <= 1000
        and not text.isspace()
        and text != ""
        and not any(
            unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t" for character in text
        )
        and type(spoken_at) is int
    )
