"""What the use case of audio needs: a stream."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from shared.audio.chunk import AudioChunk


class AudioStream(Protocol):
    """Keeps the audio of all sessions for those who recognize speech."""

    def put(self, chunk: "AudioChunk") -> None:
        """Append the chunk. Raises ServiceUnavailable; the stream may have the chunk all the same."""
