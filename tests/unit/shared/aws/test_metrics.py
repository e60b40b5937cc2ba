"""Metrics as lines that CloudWatch understands, and a name for a speaker that says nothing of the person."""

import json
from typing import Any

import pytest

from shared.aws.metrics import EmbeddedMetrics
from shared.sessions.session import Language, Status
from tests.support.sessions import ALICE, NOW, a_session

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
UNITS = {"Count", "Seconds", "Milliseconds"}


def emitted(capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the one line, checked against the embedded metric format, and its directive."""
    written = capsys.readouterr().out
    assert written.endswith("\n")
    (text,) = written.splitlines()
    line = json.loads(text)
    assert isinstance(line["_aws"]["Timestamp"], int)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "SessionManagement"
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= 30
        assert all(isinstance(line[name], str) and line[name] for name in dimensions)
    for metric in directive["Metrics"]:
        assert metric["Unit"] in UNITS
        assert isinstance(line[metric["Name"]], int | float)
    return line, directive


def test_a_new_session_counts_in_all_and_by_language(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").session_created(a_session(source_language=Language.JAPANESE))

    line, directive = emitted(capsys)
    assert directive["Dimensions"] == [["Environment"], ["Environment", "SourceLanguage"]]
    assert directive["Metrics"] == [{"Name": "SessionCreationCount", "Unit": "Count"}]
    assert (line["Environment"], line["SourceLanguage"], line["SessionCreationCount"]) == ("dev", "ja", 1)


def test_the_end_of_a_session_counts_and_says_how_long_it_was(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").session_ended(a_session(status=Status.ENDED, ended_at=NOW + 90_500))

    line, directive = emitted(capsys)
    assert directive["Dimensions"] == [["Environment"]]
    assert directive["Metrics"] == [
        {"Name": "SessionDeletionCount", "Unit": "Count"},
        {"Name": "SessionDurationSeconds", "Unit": "Seconds"},
    ]
    assert (line["SessionDeletionCount"], line["SessionDurationSeconds"]) == (1, 90.5)


def test_a_clash_of_ids_counts(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("prod").session_id_clash()

    line, directive = emitted(capsys)
    assert directive["Metrics"] == [{"Name": "SessionIdClashCount", "Unit": "Count"}]
    assert (line["Environment"], line["SessionIdClashCount"]) == ("prod", 1)


def test_no_metric_says_whose_session_or_which(capsys: pytest.CaptureFixture[str]):
    EmbeddedMetrics("dev").session_created(a_session())

    written = capsys.readouterr().out
    assert ALICE not in written
    assert "blessed-shepherd-427" not in written
