"""MP3 files, frame by frame: https://datatracker.ietf.org/doc/html/rfc5219 and ISO/IEC 13818-3."""

from typing import NamedTuple

# MPEG-2, layer III: kbit/s by the index in the header, and Hz.
_BIT_RATES = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = (22_050, 24_000, 16_000)
SAMPLES_PER_FRAME = 576


class Mp3(NamedTuple):
    """What a file consists of."""

    frames: int
    sample_rate: int
    bit_rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """The duration, by the number of frames."""
        return self.frames * SAMPLES_PER_FRAME / self.sample_rate


def read(file: bytes) -> Mp3:
    """Return the only kind of frame of a file of MPEG-2 audio, layer III. Raises AssertionError."""
    kinds: set[tuple[int, int, int]] = set()
    position = frames = 0
    while position < len(file):
        header = int.from_bytes(file[position : position + 4])
        assert header >> 21 == 0x7FF, f"no frame begins at byte {position}"
        assert header >> 19 & 3 == 2, "MPEG-2"
        assert header >> 17 & 3 == 1, "layer III"
        bit_rate = _BIT_RATES[header >> 12 & 15] * 1000
        sample_rate = _SAMPLE_RATES[header >> 10 & 3]
        kinds.add((sample_rate, bit_rate, 1 if header >> 6 & 3 == 3 else 2))
        position += SAMPLES_PER_FRAME // 8 * bit_rate // sample_rate + (header >> 9 & 1)
        frames += 1
    assert position == len(file), "the last frame is not complete"
    ((sample_rate, bit_rate, channels),) = kinds
    return Mp3(frames, sample_rate, bit_rate, channels)
