"""Messages of the service in plain words. A message of a type that is not known is shown as JSON."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

Message = Mapping[str, Any]


def lines(message: Message) -> list[str]:
    """Return the lines that show a message; none for the answer to a heartbeat."""
    describe = _DESCRIPTIONS.get(str(message.get("type")))
    if describe is None:
        # API Gateway's own errors have a message and no type.
        return [_refusal(message) if "message" in message else json.dumps(message, ensure_ascii=False)]
    return describe(message)


def _session_joined(message: Message) -> list[str]:
    joined = f"Connected as {message['role']} to {message['sessionId']}, which is {message['status']}"
    session = f"spoken in {message['sourceLanguage']}, {_listeners(message['listenerCount'])}"
    return [f"{joined}: {session}. Ctrl-C disconnects."]


def _captions(message: Message) -> list[str]:
    return [_text(caption) for caption in message["captions"]] or ["Nothing has been said yet."]


def _caption(message: Message) -> list[str]:
    return [_text(message)]


def _text(caption: Message) -> str:
    return f"{caption['sequence']} {caption['language']}  {caption['text']}"


def _translated_audio(message: Message) -> list[str]:
    return [f"{message['sequenceNumber']} {message['targetLanguage']}  spoken: {message['url']}"]


def _session_updated(message: Message) -> list[str]:
    session = f"spoken in {message['sourceLanguage']}, {message['qualityTier']}"
    return [f"The session is {message['status']}, {session}."]


def _session_ended(message: Message) -> list[str]:
    return [f"The session has ended: {message['reason']}."]


def _speaker_presence(message: Message) -> list[str]:
    if message["connected"]:
        return ["The speaker is connected again."]
    if "endsAt" not in message:
        return ["The speaker is not connected."]
    ends_at = time.strftime("%H:%M", time.localtime(message["endsAt"]))
    return [f"The speaker is not connected. Without them the session ends at {ends_at}."]


def _audience(message: Message) -> list[str]:
    languages = ", ".join(f"{language} {count}" for language, count in message["byLanguage"].items())
    return [_listeners(message["listenerCount"]) + (f": {languages}" if languages else "")]


def _language_changed(message: Message) -> list[str]:
    return [f"What follows is in {message['targetLanguage']}."]


def _caption_published(message: Message) -> list[str]:
    return [f"{message['sequence']} is published."]


def _error(message: Message) -> list[str]:
    return [_refusal(message)]


def _refusal(message: Message) -> str:
    code = f" ({message['code']})" if "code" in message else ""
    details = message.get("details") or ()
    fields = "".join(f"; {detail['field']}: {detail['message']}" for detail in details)
    return f"Refused: {message['message']}{code}{fields}"


def _listeners(count: int) -> str:
    return "1 listener" if count == 1 else f"{count} listeners"


_DESCRIPTIONS: Mapping[str, Callable[[Message], list[str]]] = {
    "sessionJoined": _session_joined,
    "captions": _captions,
    "caption": _caption,
    "translatedAudio": _translated_audio,
    "sessionUpdated": _session_updated,
    "sessionEnded": _session_ended,
    "speakerPresence": _speaker_presence,
    "audience": _audience,
    "languageChanged": _language_changed,
    "captionPublished": _caption_published,
    "heartbeatAck": lambda _: [],
    "error": _error,
}
