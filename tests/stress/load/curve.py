"""What a create costs as the ids fill up: measured on SessionsTable, by formula, and simulated far beyond.

python -m tests.stress.load.curve [--creates 1000] [--write]

Exits with 1 when a measured point is off the formula, or when five tries were not enough where they must be.
"""

import argparse
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from botocore.config import Config

from scripts import local_system
from scripts.project import ROOT
from shared.aws import dynamodb
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.sessions.create import CreateSession
from shared.sessions.session import Language, QualityTier
from tests.stress.benchmarks.report import machine
from tests.stress.load import curve_chart
from tests.stress.load.__main__ import table
from tests.stress.load.crowding import Crowd, even, filled, live_at, sample, simulate
from tests.stress.load.full_table import DIGITS
from tests.support.tables import SESSIONS_TABLE, record_requests

LIVE = (1_000, 10_000, 100_000, 200_000)
FAR = (10**6, 10**7, 10**8, 10**9)
SIMULATED = 10**7
SAMPLE = 200_000
RAISE_AT = 0.25
"""Clashes per create from which another digit setting is worth its longer ids."""


class Point(NamedTuple):
    """A create, measured with so many ids held."""

    live: int
    calls: float
    cpu_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.load.curve", description=__doc__)
    parser.add_argument("--creates", type=int, default=1000, help="measured at each point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="docs/session-ids.svg")
    chosen = parser.parse_args()
    points = measure(chosen.creates)
    crowds = {live: filled(DIGITS, live) for live in LIVE}
    print(f"\n{machine()}\n\nMeasured, {chosen.creates:,} creates at each point, {DIGITS} digits:\n")
    print(table(("live ids", "calls per create", "formula", "CPU ms per create", "CPU ms per call"), [
        (f"{point.live:,}", f"{point.calls:.3f}", f"{crowds[point.live].calls:.3f}",
         f"{point.cpu_ms:.2f}", f"{point.cpu_ms / point.calls:.2f}")
        for point in points
    ]))  # fmt: skip
    print(f"\nSimulated from the first session to {SIMULATED:,}:\n")
    rows, failed = _simulated(random.Random(chosen.seed))
    print(table(("live ids", "digits", "calls per create", "formula", "failed creates"), rows))
    print(f"\nFar beyond: {SAMPLE:,} creates in a crowd of each size:\n")
    print(table(
        ("live ids", "digits", "clash at once", "calls per create", "formula", "when even", "all five clash"),
        _beyond(random.Random(chosen.seed)),
    ))  # fmt: skip
    moments = {digits: live_at(digits, RAISE_AT) for digits in (3, 6)}
    print()
    for digits, live in moments.items():
        print(
            f"Raise session_id_digits from {digits} at {live:,} ids held, {RAISE_AT} clashes per create;"
            f" one create in {1 / filled(digits, live).failing:.0e} finds all five taken;"
            f" with a hundred times as many held, one in {1 / filled(digits, live * 100).failing:.0e}."
        )
    if chosen.write:
        picture = curve_chart.chart([(point.live, point.calls) for point in points], moments)
        (ROOT / "docs" / "session-ids.svg").write_text(picture)
    off = [
        point
        for point in points
        if abs(point.calls - crowds[point.live].calls) > _noise(crowds[point.live], chosen)
    ]
    for point in off:
        print(f"Off the formula: {point}")
    return 1 if off or failed else 0


def measure(creates: int) -> list[Point]:
    """Open so many sessions by the real use case and store, around each number of live ids."""
    points = []
    with full_table() as (url, fill):
        os.environ |= local_system.aws_variables(url)
        # What is measured is our own time: however busy the machine is, no call is sent twice.
        client = dynamodb.create_client(dynamodb.DEFAULT_CONFIG.merge(Config(read_timeout=60)))
        metrics: Any = SimpleNamespace(session_created=lambda _: None, session_id_clash=lambda: None)
        create_session = CreateSession(SessionsTable(client, SESSIONS_TABLE), metrics, now_ms, digits=DIGITS)
        wanted: Any = SimpleNamespace(source_language=Language.ENGLISH, quality_tier=QualityTier.STANDARD)
        for live in LIVE:
            print(f"Filling the table to {live:,}", file=sys.stderr, flush=True)
            fill(live - creates // 2)
            with record_requests(client) as calls:
                before = time.process_time()
                for _ in range(creates):
                    create_session(wanted, speaker="alice", key=None)
                cpu_ms = (time.process_time() - before) * 1000
            points.append(Point(live, len(calls) / creates, cpu_ms / creates))
    return points


@contextmanager
def full_table() -> Iterator[tuple[str, Any]]:
    """Start tests.stress.load.full_table; yield its URL and a way to fill it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stress.load.full_table"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **local_system.CREDENTIALS},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said, stdin = process.stdout, process.stdin

        def fill(live: int) -> None:
            print(live, file=stdin, flush=True)
            assert said.readline()

        try:
            yield said.readline().removeprefix("ready ").strip(), fill
        finally:
            process.kill()


def _simulated(chance: random.Random) -> tuple[list[tuple[str, ...]], int]:
    rows, failures = [], 0
    for digits in (3, 6, 9):
        ends = [one for live in (*LIVE, 10**6, SIMULATED) for one in (live * 9 // 10, live)]
        before = 0
        for live, calls, failed in simulate(digits, ends, chance):
            failures += failed
            if live in ends[1::2]:  # of its last tenth
                creates = live - before
                expected = filled(digits, live * 0.95).calls
                rows.append(
                    (f"{live:,}", str(digits), f"{calls / creates:.4f}", f"{expected:.4f}", str(failed))
                )
            before = live
    return rows, failures


def _beyond(chance: random.Random) -> list[tuple[str, ...]]:
    rows = []
    for digits in (3, 6, 9):
        for live in (*LIVE, *FAR):
            crowd = filled(digits, live)
            calls, _ = sample(crowd, SAMPLE, chance)
            rows.append(
                (
                    f"{live:,}",
                    str(digits),
                    f"{crowd.clash:.1%}",
                    f"{calls:.3f}",
                    f"{crowd.calls:.3f}",
                    f"{even(digits, live).calls:.3f}",
                    f"{crowd.failing:.0e}",
                )
            )
    return rows


def _noise(crowd: Crowd, chosen: argparse.Namespace) -> float:
    """Five standard errors of the mean, and two calls that the SDK may have sent again."""
    mean = crowd.calls
    # P(more than k tries) = the shares' products; E[n²] = sum of (2k + 1) P(n > k).
    reached, square = 1.0, 0.0
    for number, size in enumerate(crowd.sizes):
        square += (2 * number + 1) * reached
        reached *= crowd.held[size] / size
    return 5 * math.sqrt(max(square - mean * mean, 0.0) / chosen.creates) + 2 / chosen.creates


if __name__ == "__main__":
    sys.exit(main())
