"""Captions as a WebVTT file, which video players show: https://www.w3.org/TR/webvtt1/"""

import sys
from collections.abc import Iterable, Iterator, Sequence

from shared.captions.caption import StoredCaption
from shared.sessions.session import Language

MEDIA_TYPE = "text/vtt"
# How long a caption is shown if no other follows.
CUE_MS = 7000


def document(
    captions: Sequence[StoredCaption],
    language: Language,
    *,
    zero: int,
    following: StoredCaption | None = None,
) -> str:
    """Return the captions as cues, in the language or, where they have no translation, as they were spoken.

    `zero` is the time of 00:00:00.000, epoch ms. A cue ends when the next one begins, or after CUE_MS;
    `following` is the caption that comes after the last one, if it is known.
    """
    starts = list(_starts([*captions, *([following] if following else [])], zero))
    next_starts = [*starts[1:], sys.maxsize]
    ends = [min(start + CUE_MS, next_start) for start, next_start in zip(starts, next_starts, strict=False)]
    cues = [
        f"\n{stored.caption.sequence}\n{_time(start)} --> {_time(end)}\n{_cue_text(stored, language)}\n"
        for stored, start, end in zip(captions, starts, ends, strict=False)
    ]
    return "".join(["WEBVTT\n", *cues])


def _starts(captions: Iterable[StoredCaption], zero: int) -> Iterator[int]:
    """Yield the start of each cue in ms. It is later than the one before, whatever clients' clocks said."""
    earliest = 0
    for stored in captions:
        start = max(earliest, stored.caption.spoken_at - zero)
        yield start
        earliest = start + 1


def _time(ms: int) -> str:
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{ms:03}"


def _cue_text(stored: StoredCaption, language: Language) -> str:
    """Return the text of a cue: without markup, and without the empty lines that would end the cue."""
    _, text, _ = stored.text_in(language)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\0", "\ufffd")
    return "\n".join(line for line in text.splitlines() if line.strip())
