"""A chunk of audio: a fraction of a second of what the speaker says."""

from dataclasses import dataclass

from shared.audience.connection import SessionRef

# PCM, signed 16 bit little-endian, 16 kHz, one channel: 32,000 bytes are one second.
FORMAT = "pcm"
ENCODING = "s16le"
SAMPLE_RATE = 16_000
CHANNELS = 1
SAMPLE_BYTES = 2
MIN_BYTES = 100
# In base64 these are 32,000 characters. With the other fields they fit into the largest frame, 32 KB.
MAX_BYTES = 24_000
MAX_SEQUENCE = 2**31 - 1
# The highest whole number that every client's JSON keeps exact.
MAX_TIMESTAMP = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk:
    """MIN_BYTES to MAX_BYTES of audio of a session, a whole number of samples.

    `timestamp` is epoch ms by the speaker's clock, `sequence` is 1 to MAX_SEQUENCE if the speaker's client
    counts its chunks.
    """

    session: SessionRef
    sequence: int | None
    timestamp: int
    audio: bytes
