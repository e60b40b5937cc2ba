"""Schemathesis, with all its checks, against docs/openapi.json and the system as `make run` runs it."""

import argparse
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts import local_system
from scripts.project import ROOT
from tests.stress.fuzz.machine import print_answers
from tests.system.conftest import System, free_port, start, stop

READY_WITHIN_S = 300  # other work may share the machine
DOCUMENT = ROOT / "docs" / "openapi.json"
CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = ROOT / "build" / "fuzz" / "bin" / "st"
SPEAKERS = ("alice", "bob")
# Fewer are a finding: something kept Schemathesis from its work.
CASES = 5000


def run(_chosen: argparse.Namespace) -> bool:
    """Run it, and print what was answered how often."""
    with tempfile.TemporaryDirectory() as name, _system(Path(name) / "local") as system:
        folder = Path(name)
        (folder / "speakers.json").write_text(
            json.dumps({"auth": [_speaker(system, name) for name in SPEAKERS]})
        )
        report = folder / "report.json"
        ran = subprocess.run(
            [SCHEMATHESIS, "--config-file", CONFIG, "run", DOCUMENT, "--url", system.url, "--no-color",
             "--report-json-path", report],
            env=os.environ | {"SPEAKERS": str(folder / "speakers.json")},
            cwd=folder,
            timeout=3600,
            check=False,
        )  # fmt: skip
        cases = json.loads(report.read_text())["test_cases"]["generated"]
        answers = _answers(system.work / "logs" / "access.log")
        bugs = _bugs(system.work / "logs")
    print(f"{cases:,} cases, {answers.total():,} requests")
    print_answers(answers)
    for bug in bugs:
        print(f"  logged as a bug: {bug}")
    errors = [status for _, status in answers if status >= 500]
    return ran.returncode == 0 and cases >= CASES and not bugs and not errors


@contextmanager
def _system(work: Path) -> Iterator[System]:
    process = start(work, free_port())
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while (running := local_system.find(work)) is None or not running.ready:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((work / "said").read_text())
            time.sleep(0.2)
        yield System(process, work, running)
    finally:
        if process.poll() is None:
            stop(process, signal.SIGINT)


def _speaker(system: System, name: str) -> dict[str, object]:
    """Return a speaker as Schemathesis takes one (Web Fuzzing Commons)."""
    return {
        "name": name,
        "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {system.token(name)}"}],
    }


def _answers(access_log: Path) -> Counter[tuple[str, int]]:
    """Count what API Gateway has answered, by route; `-` is what is no route."""
    lines = [json.loads(line) for line in access_log.read_text().splitlines()]
    return Counter((line["routeKey"], int(line["status"])) for line in lines)


def _bugs(logs: Path) -> list[str]:
    """Return the errors that functions have logged."""
    lines = [line for log in logs.glob("session-service-*.log") for line in log.read_text().splitlines()]
    return [line[:2000] for line in lines if re.search(r'"level": ?"ERROR"|Traceback', line)]
