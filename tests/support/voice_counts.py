"""What speak_captions of a local system has counted. On a busy machine a voice may be late and dropped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.support.eventually import eventually

TRIES = 20
T = TypeVar("T")


class Counted(NamedTuple):
    """The voices of one caption: those that were sent, and those that were dropped."""

    spoken: int
    dropped: int


def counted(work: Path) -> list[Counted]:
    """Return what was counted for each caption, in the order of the log; `work` is the system's folder."""
    log = work / "logs" / "session-service-local-speak_captions.log"
    if not log.exists():
        return []
    lines = [line for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    metrics = [json.loads(line) for line in lines if '"VoiceDroppedCount": ' in line]
    return [Counted(line["VoiceCount"], line["VoiceDroppedCount"]) for line in metrics]


def until_spoken(work: Path, publish: Callable[[int], T]) -> T:
    """Publish captions one by one until none of a caption's voices is dropped.

    `publish` gets the number of the try, from 0; return what it returned for the last one.
    """
    for number in range(TRIES):
        before = len(counted(work))
        published = publish(number)
        eventually(lambda before=before: len(counted(work)) > before)
        if counted(work)[before].dropped == 0:
            return published
    raise AssertionError(f"{TRIES} voices were dropped")
