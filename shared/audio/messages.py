"""The answer to a chunk of audio, as JSON."""

from typing import Literal, NotRequired, TypedDict


class AudioAccepted(TypedDict):
    """The answer to `audioChunk`: the stream has the chunk with this `timestamp` and `sequence`.

    `timestamp` is that of the message, epoch ms; `sequence` is there if the message had one.
    """

    type: Literal["audioAccepted"]
    timestamp: int
    sequence: NotRequired[int]


def audio_accepted(timestamp: int, sequence: int | None) -> AudioAccepted:
    """Return the answer that the stream has the chunk."""
    message: AudioAccepted = {"type": "audioAccepted", "timestamp": timestamp}
    if sequence is not None:
        message["sequence"] = sequence
    return message
