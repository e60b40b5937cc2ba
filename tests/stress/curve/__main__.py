"""Measure the cost of a create as session ids fill up, and of a join as a session fills up.

python -m tests.stress.curve [--creates 1000] [--seed 1] [--record]

Exits with 1 if a measured create differs from the formula, if all five tries of a simulated create collided,
or if a join takes longer the more listeners there are.
"""

import argparse
import math
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from scripts import local_system
from scripts.command_line import report_progress
from scripts.project import ROOT
from tests.stress import results
from tests.stress.curve import chart, joins
from tests.stress.curve.collisions import Occupancy, accumulated, live_at, sample, simulate, steady
from tests.stress.curve.full_table import DIGITS
from tests.support.aws_calls import recorded_calls
from tests.support.handlers import load_handler
from tests.support.http_events import CREATE, LAMBDA_CONTEXT, event
from tests.support.tables import SESSIONS_TABLE

MEASURED = (1_000, 10_000, 100_000, 200_000)
SIMULATED = (*MEASURED, 10**6, 10**7)
BEYOND = (*MEASURED, 10**6, 10**7, 10**8, 10**9)
SAMPLE = 200_000
RAISE_AT = 0.25
"""Collisions per create from which longer ids are worth it."""
SETTINGS = {
    "ENV": "test",
    "SESSIONS_TABLE": SESSIONS_TABLE,
    "SESSION_ID_DIGITS": str(DIGITS),
    "RATE_LIMITS_TABLE": "rate_limits",
    "SESSIONS_PER_SPEAKER_PER_HOUR": "0",  # off
}


class Point(NamedTuple):
    """The mean of the creates around one number of live ids."""

    live: int
    calls: float
    cpu_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.curve", description=__doc__)
    parser.add_argument("--creates", type=int, default=1000, help="creates per measured point")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write last_run.csv and docs/session-ids.svg")
    options = parser.parse_args()
    points = _measure(options.creates)
    occupancies = {live: accumulated(DIGITS, live) for live in MEASURED}
    measured = results.Table(
        ("live ids", "calls per create", "formula", "CPU ms per create"),
        [
            (point.live, f"{point.calls:.3f}", f"{occupancies[point.live].calls:.3f}", f"{point.cpu_ms:.2f}")
            for point in points
        ],
    )
    simulated, refused = _simulate(random.Random(options.seed))
    print(f"\n{results.machine()}\n\nMeasured, {options.creates:,} creates per point, {DIGITS} digits:")
    print(measured)
    print(f"\nSimulated from the first session on:\n{simulated}")
    print(
        f"\nFormula far beyond, with {SAMPLE:,} simulated creates:\n{_beyond(random.Random(options.seed))}\n"
    )
    off = [
        point
        for point in points
        if abs(point.calls - occupancies[point.live].calls)
        > _tolerance(occupancies[point.live], options.creates)
    ]
    for point in off:
        print(f"  Differs from the formula: {point}")
    raise_at = {digits: live_at(digits, RAISE_AT) for digits in (3, 6)}
    refusal = accumulated(3, raise_at[3] * 100).all_tries_collide
    summary = (
        f"{len(points) - len(off)} of {len(points)} measured points match the formula; {refused} simulated "
        f"creates were refused. A quarter of the creates collide at {raise_at[3]:,} held ids with 3 digits, "
        f"and at {raise_at[6]:,} with 6: raise session_id_digits there. Even with {raise_at[3] * 100:,} held "
        f"ids and 3 digits, only one create in {1 / refusal / 1e9:,.0f} billion would be refused."
    )
    join_curve = joins.curve(joins.measure())
    summary += (
        f" p50 of a join: {join_curve.early_ms:.0f} ms with 20 to 120 listeners, {join_curve.late_ms:.0f} ms "
        f"with 390 to 490, {joins.AT_ONCE} at a time: {join_curve.ratio:.2f} times as long (at most "
        f"{joins.MAX_RATIO})."
    )
    print(summary)
    if options.record:
        results.record("curve", summary, {"last_run": measured})
        svg = chart.chart([(point.live, point.calls) for point in points], raise_at)
        (ROOT / "docs" / "session-ids.svg").write_text(svg)
    return int(bool(off or refused or join_curve.ratio > joins.MAX_RATIO))


def _measure(creates: int) -> list[Point]:
    """Call the handler of create_session `creates` times around each number of live ids."""
    request = event(CREATE, body={"sourceLanguage": "en"})
    points = []
    with _full_table() as (url, fill), Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        os.environ |= local_system.aws_variables(url)
        handler = load_handler("create_session", SETTINGS).handler
        handler(request, LAMBDA_CONTEXT)
        for live in MEASURED:
            report_progress(f"Filling the table to {live:,} sessions")
            fill(live - creates // 2)
            with recorded_calls() as calls:
                before = time.process_time()
                statuses = {handler(request, LAMBDA_CONTEXT)["statusCode"] for _ in range(creates)}
                cpu_ms = (time.process_time() - before) * 1000
            if statuses != {201}:
                raise RuntimeError(f"create_session responded with {statuses}")
            points.append(Point(live, len(calls) / creates, cpu_ms / creates))
    return points


@contextmanager
def _full_table() -> Iterator[tuple[str, Callable[[int], None]]]:
    """Start tests.stress.curve.full_table. Yield its URL and a function that fills it."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stress.curve.full_table"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **local_system.CREDENTIALS},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def fill(live: int) -> None:
            print(live, file=stdin, flush=True)
            assert stdout.readline()

        try:
            yield stdout.readline().removeprefix("ready ").strip(), fill
        finally:
            process.kill()


def _simulate(rng: random.Random) -> tuple[results.Table, int]:
    rows, refused = [], 0
    for digits in (3, 6, 9):
        # The means of the last tenth before each number of live ids.
        points = [point for live in SIMULATED for point in (live * 9 // 10, live)]
        before = 0
        for live, calls, failed in simulate(digits, points, rng):
            refused += failed
            if live in SIMULATED:
                mean, expected = calls / (live - before), accumulated(digits, live * 0.95).calls
                rows.append((f"{live:,}", digits, f"{mean:.4f}", f"{expected:.4f}", failed))
            before = live
    return results.Table(("live ids", "digits", "calls per create", "formula", "refused"), rows), refused


def _beyond(rng: random.Random) -> results.Table:
    rows = []
    for digits in (3, 6, 9):
        for live in BEYOND:
            occupancy = accumulated(digits, live)
            calls, _ = sample(occupancy, SAMPLE, rng)
            rows.append(
                (
                    f"{live:,}",
                    digits,
                    f"{occupancy.first_try_collides:.1%}",
                    f"{calls:.3f}",
                    f"{occupancy.calls:.3f}",
                    f"{steady(digits, live).calls:.3f}",
                    f"{occupancy.all_tries_collide:.0e}",
                )
            )
    head = (
        "live ids",
        "digits",
        "first try collides",
        "calls per create",
        "formula",
        "steady state",
        "all collide",
    )
    return results.Table(head, rows)


def _tolerance(occupancy: Occupancy, creates: int) -> float:
    """Return five standard errors of the mean calls per create."""
    # With P(n > k) the product of the first k shares, E[n²] is the sum of (2k + 1) P(n > k).
    reached, square = 1.0, 0.0
    for number, size in enumerate(occupancy.sizes):
        square += (2 * number + 1) * reached
        reached *= occupancy.held[size] / size
    return 5 * math.sqrt(max(square - occupancy.calls**2, 0.0) / creates) + 2 / creates


if __name__ == "__main__":
    sys.exit(main())
