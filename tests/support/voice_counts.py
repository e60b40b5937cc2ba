"""What speak_captions of a local system has counted. On a busy machine a voice may be late and dropped."""

import json
from pathlib import Path
from typing import NamedTuple


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
