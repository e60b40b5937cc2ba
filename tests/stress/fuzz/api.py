"""Schemathesis with docs/openapi.json against the local system, started as `make run` starts it."""

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
from tests.stress.fuzz.outcome import Outcome, print_statuses
from tests.system.conftest import System, free_port, start, stop

READY_WITHIN_S = 300  # other work may share the machine
DOCUMENT = ROOT / "docs" / "openapi.json"
CONFIG = Path(__file__).with_name("schemathesis.toml")
SCHEMATHESIS = ROOT / "build" / "fuzz" / "bin" / "st"
SPEAKERS = ("alice", "bob")
MIN_CASES = 5000
"""Fewer generated cases are a failure: something kept Schemathesis from its work."""


def run(_options: argparse.Namespace) -> Outcome:
    """Run Schemathesis, and print the number of responses by route and status."""
    with tempfile.TemporaryDirectory() as name, _system(Path(name) / "local") as system:
        folder = Path(name)
        (folder / "speakers.json").write_text(
            json.dumps({"auth": [_speaker(system, name) for name in SPEAKERS]})
        )
        report = folder / "report.json"
        process = subprocess.run(
            [SCHEMATHESIS, "--config-file", CONFIG, "run", DOCUMENT, "--url", system.url, "--no-color",
             "--report-json-path", report],
            env=os.environ | {"SPEAKERS": str(folder / "speakers.json")},
            cwd=folder,
            timeout=3600,
            check=False,
        )  # fmt: skip
        cases = json.loads(report.read_text())["test_cases"]["generated"]
        statuses = _statuses(system.work / "logs" / "access.log")
        bugs = _logged_bugs(system.work / "logs")
    print_statuses(statuses)
    for bug in bugs:
        print(f"  logged as a bug: {bug}")
    server_errors = sum(count for (_, status), count in statuses.items() if status >= 500)
    return Outcome(
        process.returncode == 0 and cases >= MIN_CASES and not bugs and not server_errors,
        f"{cases:,} cases, {statuses.total():,} requests, {server_errors} server errors",
    )


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
    """Return a speaker in Schemathesis's format (Web Fuzzing Commons)."""
    return {
        "name": name,
        "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {system.token(name)}"}],
    }


def _statuses(access_log: Path) -> Counter[tuple[str, int]]:
    """Count the responses of API Gateway by route (`-` if no route matches) and status."""
    lines = [json.loads(line) for line in access_log.read_text().splitlines()]
    return Counter((line["routeKey"], int(line["status"])) for line in lines)


def _logged_bugs(logs: Path) -> list[str]:
    lines = [line for log in logs.glob("session-service-*.log") for line in log.read_text().splitlines()]
    return [line[:2000] for line in lines if re.search(r'"level": ?"ERROR"|Traceback', line)]
