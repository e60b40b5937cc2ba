"""A strict reader of WebVTT files, as https://www.w3.org/TR/webvtt1/#file-structure defines their format."""

import html
import re
from typing import NamedTuple

TIME = re.compile(r"([0-9]{2,}):([0-5][0-9]):([0-5][0-9])\.([0-9]{3})")
ESCAPED = re.compile(r"(?:[^&<>]|&(?:amp|lt|gt);)+")


class Cue(NamedTuple):
    """A cue; times are in ms, `text` is without escapes."""

    id: str
    start: int
    end: int
    text: str


def read(text: str) -> list[Cue]:
    """Return the cues of a file. Raises AssertionError where the file is not valid."""
    assert "\0" not in text
    assert "\r" not in text
    head, *blocks = text.rstrip("\n").split("\n\n")
    assert head == "WEBVTT"
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    cues = [_cue(block) for block in blocks]
    assert len({cue.id for cue in cues}) == len(cues)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)
    return cues


def _cue(block: str) -> Cue:
    identifier, timing, *lines = block.split("\n")
    assert identifier
    assert "-->" not in identifier
    start, arrow, end = timing.partition(" --> ")
    assert arrow
    assert lines
    for line in lines:
        assert ESCAPED.fullmatch(line), line
    cue = Cue(identifier, _ms(start), _ms(end), html.unescape("\n".join(lines)))
    assert cue.end > cue.start
    return cue


def _ms(time: str) -> int:
    match = TIME.fullmatch(time)
    assert match, time
    hours, minutes, seconds, ms = map(int, match.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms
