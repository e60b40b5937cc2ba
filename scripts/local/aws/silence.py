"""Silence as MP3, made without an encoder: frames without any spectrum.

MPEG-2 audio, layer III, mono, 24,000 Hz, 48 kbit/s, as Amazon Polly's neural voices are. The format of a
frame: ISO/IEC 13818-3, and http://www.mp3-tech.org/programmer/frame_header.html
"""

import math

SAMPLE_RATE = 24_000
SAMPLES_PER_FRAME = 576
BIT_RATE = 48_000

# Sync word, MPEG-2, layer III, no checksum; index 6 of the bit rates and 1 of the sample rates; mono.
_HEADER = bytes([0xFF, 0xF3, 6 << 4 | 1 << 2, 3 << 6])
_FRAME_BYTES = SAMPLES_PER_FRAME // 8 * BIT_RATE // SAMPLE_RATE
# The side information is all zeros: no part of the spectrum has a value.
_FRAME = _HEADER.ljust(_FRAME_BYTES, b"\0")


def mp3(seconds: float) -> bytes:
    """Return silence of this length, rounded up to whole frames of 24 ms."""
    return _FRAME * max(1, math.ceil(seconds * SAMPLE_RATE / SAMPLES_PER_FRAME))
