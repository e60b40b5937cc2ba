"""Metrics in embedded metric format."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from shared.audience.join import Outcome
from shared.aws.metrics import EmbeddedMetrics
from shared.clock import now_ms
from shared.sessions.session import Language, Status
from tests.support.sessions import ALICE, NOW, a_session

ENDED = a_session(status=Status.ENDED, ended_at=NOW + 90_500)


def written_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Return the only line that was written."""
    output = capsys.readouterr().out
    assert output.endswith("\n")
    (line,) = output.splitlines()
    return json.loads(line)


@pytest.mark.parametrize(
    ("emit", "units", "values"),
    [
        (
            lambda metrics: metrics.session_created(a_session()),
            {"SessionCreationCount": "Count"},
            {"SessionCreationCount": 1},
        ),
        (
            lambda metrics: metrics.session_ended(ENDED),
            {"SessionDeletionCount": "Count", "SessionDurationSeconds": "Seconds"},
            {"SessionDeletionCount": 1, "SessionDurationSeconds": 90.5},
        ),
        (
            lambda metrics: metrics.session_id_clash(),
            {"SessionIdClashCount": "Count"},
            {"SessionIdClashCount": 1},
        ),
        (
            lambda metrics: metrics.rate_limit_unavailable(),
            {"RateLimitUnavailableCount": "Count"},
            {"RateLimitUnavailableCount": 1},
        ),
        (
            lambda metrics: metrics.listeners_counted(37),
            {"ListenerCount": "Count"},
            {"ListenerCount": 37},
        ),
        (
            lambda metrics: metrics.caption_handled(
                latency_ms=480, characters=126, failures=1, undelivered=2
            ),
            {
                "CaptionCount": "Count",
                "CaptionLatency": "Milliseconds",
                "CaptionCharacters": "Count",
                "TranslationFailureCount": "Count",
                "UndeliveredCaptionCount": "Count",
            },
            {
                "CaptionCount": 1,
                "CaptionLatency": 480,
                "CaptionCharacters": 126,
                "TranslationFailureCount": 1,
                "UndeliveredCaptionCount": 2,
            },
        ),
        (
            lambda metrics: metrics.caption_spoken(latency_ms=1480, characters=126, spoken=2, dropped=1),
            {
                "VoiceCount": "Count",
                "VoiceCharacters": "Count",
                "VoiceDroppedCount": "Count",
                "VoiceLatency": "Milliseconds",
            },
            {"VoiceCount": 2, "VoiceCharacters": 126, "VoiceDroppedCount": 1, "VoiceLatency": 1480},
        ),
        (
            # A voice that was not sent has no delay.
            lambda metrics: metrics.caption_spoken(latency_ms=10_001, characters=0, spoken=0, dropped=3),
            {"VoiceCount": "Count", "VoiceCharacters": "Count", "VoiceDroppedCount": "Count"},
            {"VoiceCount": 0, "VoiceCharacters": 0, "VoiceDroppedCount": 3},
        ),
    ],
    ids=[
        "session_created",
        "session_ended",
        "session_id_clash",
        "rate_limit_unavailable",
        "listeners_counted",
        "caption_handled",
        "caption_spoken",
        "caption_dropped",
    ],
)
def test_a_line_has_the_metrics_with_their_units_and_values(
    capsys: pytest.CaptureFixture[str],
    emit: Callable[[EmbeddedMetrics], None],
    units: dict[str, str],
    values: dict[str, float],
):
    earliest = now_ms()
    emit(EmbeddedMetrics("prod"))
    latest = now_ms()

    line = written_line(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "SessionManagement"
    assert directive["Metrics"] == [{"Name": name, "Unit": unit} for name, unit in units.items()]
    assert {name: line[name] for name in units} == values
    assert line["Environment"] == "prod"
    assert isinstance(line["_aws"]["Timestamp"], int)
    assert earliest <= line["_aws"]["Timestamp"] <= latest


def test_created_sessions_are_counted_in_total_and_by_language(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").session_created(a_session(source_language=Language.JAPANESE))

    line = written_line(capsys)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [
        ["Environment"],
        ["Environment", "SourceLanguage"],
    ]
    assert (line["Environment"], line["SourceLanguage"]) == ("dev", "ja")


@pytest.mark.parametrize(
    "emit",
    [
        lambda metrics: metrics.session_ended(ENDED),
        lambda metrics: metrics.session_id_clash(),
        lambda metrics: metrics.rate_limit_unavailable(),
        lambda metrics: metrics.listeners_counted(37),
        lambda metrics: metrics.caption_handled(latency_ms=1, characters=2, failures=3, undelivered=4),
    ],
    ids=[
        "session_ended",
        "session_id_clash",
        "rate_limit_unavailable",
        "listeners_counted",
        "caption_handled",
    ],
)
def test_other_metrics_have_the_environment_as_their_only_dimension(
    capsys: pytest.CaptureFixture[str], emit: Callable[[EmbeddedMetrics], None]
):
    emit(EmbeddedMetrics("dev"))

    assert written_line(capsys)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Environment"]]


def test_joins_are_counted_by_outcome_alone(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").join_ended(Outcome.FULL)

    line = written_line(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["Environment", "Outcome"]]
    assert directive["Metrics"] == [{"Name": "JoinCount", "Unit": "Count"}]
    assert (line["Environment"], line["Outcome"], line["JoinCount"]) == ("dev", "full", 1)


def test_the_duration_of_a_session_without_a_time_of_its_end_is_that_to_its_last_update(
    capsys: pytest.CaptureFixture[str],
):
    EmbeddedMetrics("dev").session_ended(a_session(updated_at=NOW + 2000))

    assert written_line(capsys)["SessionDurationSeconds"] == 2


def test_no_metric_contains_the_speaker_or_the_session_id(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").session_created(a_session())

    output = capsys.readouterr().out
    assert ALICE not in output
    assert "blessed-shepherd-427" not in output
