"""Sources of log entries: CloudWatch Logs of deployed functions, and log files of the local system."""

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

# CloudWatch Logs returns entries seconds after they were written, and out of order.
_LATE_MILLISECONDS = 15_000


class LogEntry(NamedTuple):
    """One line of a function's log. `timestamp` is in epoch milliseconds."""

    timestamp: int
    function: str
    text: str

    @property
    def fields(self) -> Mapping[str, Any] | None:
        """The fields of a JSON line; None for any other line."""
        return _json_object(self.text)


LogSource = Callable[[], Iterable[LogEntry]]
"""A function that returns the entries added since its last call, in order of time."""


@dataclass
class CloudWatchLogs:
    """The log groups of deployed functions, from `since` (epoch milliseconds)."""

    client: Any
    groups: Sequence[str]
    since: int
    _timestamps_by_id: dict[str, int] = field(default_factory=dict)

    def __call__(self) -> list[LogEntry]:
        """Return the entries that were added since the last call, in order of time."""
        entries = []
        for group in self.groups:
            pages = self.client.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=self.since
            )
            for event in (event for page in pages for event in page["events"]):
                if event["eventId"] not in self._timestamps_by_id:
                    self._timestamps_by_id[event["eventId"]] = event["timestamp"]
                    entries.append(LogEntry(event["timestamp"], group.rpartition("/")[2], event["message"]))
        self._forget_old_events()
        return sorted(entries)

    def _forget_old_events(self) -> None:
        if self._timestamps_by_id:
            newest = max(self._timestamps_by_id.values())
            self.since = max(self.since, newest - _LATE_MILLISECONDS)
            self._timestamps_by_id = {
                event_id: timestamp
                for event_id, timestamp in self._timestamps_by_id.items()
                if timestamp >= self.since
            }


@dataclass
class LogFiles:
    """The log files of the local system's functions, from `since` (epoch milliseconds)."""

    files: Sequence[Path]
    since: int
    _offsets: dict[Path, int] = field(default_factory=dict)

    def __call__(self) -> list[LogEntry]:
        """Return the entries that were added since the last call, in order of time."""
        entries = [
            LogEntry(timestamp, file.stem, line)
            for file in self.files
            for line in self._new_lines(file)
            if (timestamp := _timestamp(line)) >= self.since
        ]
        return sorted(entries)

    def _new_lines(self, file: Path) -> Iterable[str]:
        if not file.is_file():  # the function was not invoked yet
            return
        with file.open() as log:
            log.seek(self._offsets.get(file, 0))
            for line in iter(log.readline, ""):
                if not line.endswith("\n"):  # still being written
                    return
                self._offsets[file] = log.tell()
                yield line


def _timestamp(line: str) -> int:
    """Return the timestamp of a JSON line, or the current time for any other line."""
    try:
        return round(datetime.fromisoformat((_json_object(line) or {})["timestamp"]).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return round(time.time() * 1000)


def _json_object(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
