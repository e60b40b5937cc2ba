"""Following logs: readable lines, in order, each once."""

import json
from datetime import UTC, datetime
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from scripts.operate.tail import CloudWatchLogs, Entry, Files, follow, line

NOW = 1_800_000_000_000
PREFIX = "session-service-dev"
GROUP = f"/aws/lambda/{PREFIX}-create_session"


def entry(**said: object) -> Entry:
    return Entry(NOW, f"{PREFIX}-create_session", json.dumps(said))


def without_time(text: str | None) -> str:
    assert text is not None
    return text.split(" ", 1)[1]


def test_a_request_is_its_route_its_status_and_how_long_it_took():
    told = line(
        entry(level="INFO", route="POST /sessions", status=400, durationMs=12.3, code="INVALID_REQUEST"),
        PREFIX,
    )

    assert without_time(told).split() == [
        "INFO", "create_session", "POST", "/sessions", "400", "12", "ms", "code=INVALID_REQUEST",
    ]  # fmt: skip


def test_any_other_line_is_its_message_and_its_fields():
    told = line(entry(level="WARNING", message="AWS did not answer", reason="timeout"), PREFIX)

    assert without_time(told).split("  ")[-2:] == [" AWS did not answer", "reason=timeout"]


def test_a_line_that_is_no_json_is_shown_as_it_is():
    assert without_time(line(Entry(NOW, f"{PREFIX}-health", "Traceback\n"), PREFIX)).split() == [
        "health", "Traceback",
    ]  # fmt: skip


def test_metrics_are_not_shown():
    assert line(entry(_aws={}, SessionCreationCount=1), PREFIX) is None


@pytest.fixture
def logs():
    with mock_aws():
        client = boto3.client("logs", region_name="us-east-1")
        client.create_log_group(logGroupName=GROUP)
        client.create_log_stream(logGroupName=GROUP, logStreamName="one")
        yield client


def write(client, at: int, message: str) -> None:
    event = {"timestamp": at, "message": message}
    client.put_log_events(logGroupName=GROUP, logStreamName="one", logEvents=[event])


def test_what_is_written_is_shown_once_and_late_entries_too(logs):
    now = round(datetime.now(UTC).timestamp() * 1000)
    source = CloudWatchLogs(logs, [GROUP], now - 60_000)
    write(logs, now, "second")

    first = [found.text for found in source()]
    write(logs, now - 5_000, "late")
    second = [found.text for found in source()]
    third = source()

    assert (first, second, third) == (["second"], ["late"], [])


def test_files_of_this_machine_are_followed_line_by_line(tmp_path: Path):
    log = tmp_path / f"{PREFIX}-health.log"
    source = Files([log, tmp_path / "never-invoked.log"], since=0)
    log.write_text("one\ntwo\nhalf of th")

    first = [found.text for found in source()]
    with log.open("a") as more:
        more.write("ree\n")
    second = [found.text for found in source()]

    assert (first, second) == (["one\n", "two\n"], ["half of three\n"])


def test_following_shows_each_turns_entries(tmp_path: Path):
    shown: list[str] = []
    turns = iter([[entry(message="first")], [], [entry(message="second")]])

    follow(lambda: next(turns), PREFIX, shown.append, iter(range(3)))

    assert [text.split()[-1] for text in shown] == ["first", "second"]
