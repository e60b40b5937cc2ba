"""The silence of the stand-in for Amazon Polly is MP3 of the length that is asked for."""

import pytest

from scripts.local.aws import silence
from tests.support import mp3


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0, 1), (0.001, 1), (0.024, 1), (0.025, 2), (1, 42), (66.7, 2780)]
)
def test_it_has_whole_frames_of_24_ms(seconds: float, frames: int):
    file = mp3.read(silence.mp3(seconds))

    assert file == mp3.Mp3(frames, sample_rate=24_000, bit_rate=48_000, channels=1)
    assert file.seconds == pytest.approx(frames * 0.024)
    assert seconds <= file.seconds <= max(0.024, seconds + 0.024)


def test_its_frames_have_no_spectrum():
    frame = silence.mp3(0)

    assert len(frame) == 144
    assert frame[4:] == bytes(140)


@pytest.mark.parametrize(
    "file",
    [b"", silence.mp3(1)[:-1], silence.mp3(1)[1:], silence.mp3(1) + b"\0", b"\xff\xfb\x90\xc0" + bytes(413)],
    ids=["empty", "cut off", "without its beginning", "with a rest", "MPEG-1"],
)
def test_the_reader_of_these_tests_refuses_what_is_no_such_file(file: bytes):
    with pytest.raises((AssertionError, ValueError)):
        mp3.read(file)
