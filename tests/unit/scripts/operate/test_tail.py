"""Following logs: each entry is shown once, in order, as a readable line."""

import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from scripts.operate.log_sources import CloudWatchLogs, LogEntry, LogFiles
from scripts.operate.tail import follow, format_entry

NOW = 1_800_000_000_000
PREFIX = "session-service-dev"
GROUP = f"/aws/lambda/{PREFIX}-create_session"


def entry(**fields: object) -> LogEntry:
    return LogEntry(NOW, f"{PREFIX}-create_session", json.dumps(fields))


def without_time(line: str | None) -> str:
    assert line is not None
    return line.split(" ", 1)[1]


def test_a_request_is_shown_with_its_route_status_and_duration():
    line = format_entry(
        entry(level="INFO", route="POST /sessions", status=400, durationMs=12.3, code="INVALID_REQUEST"),
        PREFIX,
    )

    assert without_time(line).split() == [
        "INFO", "create_session", "POST", "/sessions", "400", "12", "ms", "code=INVALID_REQUEST",
    ]  # fmt: skip


def test_any_other_json_line_is_shown_with_its_message_and_its_fields():
    line = format_entry(entry(level="WARNING", message="AWS did not answer", reason="timeout"), PREFIX)

    assert without_time(line).split("  ")[-2:] == [" AWS did not answer", "reason=timeout"]


def test_a_line_that_is_not_json_is_shown_as_it_is():
    line = format_entry(LogEntry(NOW, f"{PREFIX}-health", "Traceback\n"), PREFIX)

    assert without_time(line).split() == ["health", "Traceback"]


def test_metrics_are_not_shown():
    assert format_entry(entry(_aws={}, SessionCreationCount=1), PREFIX) is None


@pytest.fixture
def logs():
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1")
        client.create_log_group(logGroupName=GROUP)
        client.create_log_stream(logGroupName=GROUP, logStreamName="one")
        yield client


def write(client, timestamp: int, message: str) -> None:
    event = {"timestamp": timestamp, "message": message}
    client.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=[event])


def test_cloudwatch_entries_are_returned_once_even_when_they_arrive_late(logs):
    now = round(datetime.now(UTC).timestamp() * 1000)
    source = CloudWatchLogs(logs, [GROUP], now - 60_000)
    write(logs, now, "second")

    first = [new.text for new in source()]
    write(logs, now - 5_000, "late")
    second = [new.text for new in source()]
    third = source()

    assert (first, second, third) == (["second"], ["late"], [])


def test_log_files_are_read_line_by_line(tmp_path: Path):
    file = tmp_path / f"{PREFIX}-health.log"
    source = LogFiles([file, tmp_path / "never-invoked.log"], since=0)
    file.write_text("one\ntwo\nhalf of th")

    first = [new.text for new in source()]
    with file.open("a") as log:
        log.write("ree\n")
    second = [new.text for new in source()]

    assert (first, second) == (["one\n", "two\n"], ["half of three\n"])


def test_each_poll_shows_the_new_entries(tmp_path: Path):
    lines: list[str] = []
    polls = iter([[entry(message="first")], [], [entry(message="second")]])

    follow(lambda: next(polls), PREFIX, lines.append, iter(range(3)))

    assert [line.split()[-1] for line in lines] == ["first", "second"]
