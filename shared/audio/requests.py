"""The message of the speaker's client with a chunk of audio. Its validation needs no pydantic."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.audio.chunk import (
    CHANNELS,
    ENCODING,
    FORMAT,
    MAX_BYTES,
    MAX_SEQUENCE,
    MAX_TIMESTAMP,
    MIN_BYTES,
    SAMPLE_BYTES,
    SAMPLE_RATE,
)
from shared.errors import FieldError, InvalidRequest

# What a client may say about its audio, and the only value that each may have.
_DESCRIPTION: Mapping[str, str | int] = {
    "format": FORMAT,
    "sampleRate": SAMPLE_RATE,
    "channels": CHANNELS,
    "encoding": ENCODING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAudio:
    """The message `audioChunk`. Unknown fields are ignored, because older clients send more.

    `timestamp` is epoch ms by the client's clock.
    """

    audio: bytes
    timestamp: int
    sequence: int | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Validate decoded values. Raises InvalidRequest, which lists every invalid field."""
        audio = _decode(values.get("audioData"))
        errors = list(_errors(values, audio))
        if audio is None or errors:
            raise InvalidRequest(*errors)
        return cls(audio=audio, timestamp=values["timestamp"], sequence=values.get("sequence"))


def _decode(text: object) -> bytes | None:
    """Return the audio that is base64 in `text`; None for other text, and for audio of another length."""
    if not isinstance(text, str):
        return None
    try:
        audio = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    # Python accepts more padding than a text needs.
    canonical = len(text) == (len(audio) + 2) // 3 * 4
    valid = canonical and MIN_BYTES <= len(audio) <= MAX_BYTES and len(audio) % SAMPLE_BYTES == 0
    return audio if valid else None


def _errors(values: Mapping[str, Any], audio: bytes | None) -> Iterator[FieldError]:
    if "audioData" not in values:
        yield FieldError("audioData", "audioData is required")
    elif audio is None:
        sentence = f"audioData must be base64 of {MIN_BYTES} to {MAX_BYTES} bytes, an even number"
        yield FieldError("audioData", sentence)
    if "timestamp" not in values:
        yield FieldError("timestamp", "timestamp is required")
    elif not _is_number(values["timestamp"], 0, MAX_TIMESTAMP):
        yield FieldError("timestamp", "timestamp must be a whole number of epoch milliseconds")
    if "sequence" in values and not _is_number(values["sequence"], 1, MAX_SEQUENCE):
        yield FieldError("sequence", f"sequence must be a whole number from 1 to {MAX_SEQUENCE}")
    for field, supported in _DESCRIPTION.items():
        value = values.get(field, supported)
        if type(value) is not type(supported) or value != supported:
            yield FieldError(field, f"Invalid {field}. Supported: {supported}")


def _is_number(value: object, lowest: int, highest: int) -> bool:
    # A bool is an int for Python, but not a number in JSON.
    return type(value) is int and lowest <= value <= highest
