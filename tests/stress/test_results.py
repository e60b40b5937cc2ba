"""The results of a run are recorded for the documentation, and the other parts' results are kept."""

import json
from pathlib import Path

import pytest

from tests.stress import results


def test_a_recorded_run_replaces_the_summary_and_the_tables_of_its_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "load").mkdir()
    (tmp_path / "last_runs.json").write_text('{"load": {}, "fuzz": {"summary": "nothing found"}}')
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "LAST_RUNS", tmp_path / "last_runs.json")

    results.record(
        "load", "1,800 requests", {"last_run": results.Table(("operation", "p50 ms"), [("get", 9)])}
    )

    runs = json.loads((tmp_path / "last_runs.json").read_text())
    assert {part: run["summary"] for part, run in runs.items()} == {
        "load": "1,800 requests",
        "fuzz": "nothing found",
    }
    assert (tmp_path / "load" / "last_run.csv").read_text() == "operation,p50 ms\nget,9\n"
