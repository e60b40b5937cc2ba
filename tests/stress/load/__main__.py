"""Measure the local system under load: latencies, errors and CPU time.

python -m tests.stress.load [--seconds 60] [--rate 30] [--seed 1] [--record]

Exits with 1 if a response was an error, or if the table differs from what was acknowledged.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.command_line import report_progress
from scripts.local.system import System
from tests.stress import results
from tests.stress.faults.audit import audit
from tests.stress.load.cpu import GENERATOR, LOCAL_SYSTEM, MOTO, cpu_ms
from tests.stress.load.generator import load
from tests.stress.load.target import SETTINGS, TIMEOUT_S, sessions_table
from tests.stress.load.workload import OPERATIONS, Exchange

WARM_UP_S = 8
# Each user sends every USERS_PER_REQUEST seconds, so only a response that takes longer delays the next
# request.
USERS_PER_REQUEST = 2
SPEAKERS = 10
EXPECTED = {"get": 200, "list": 200, "create": 201, "update": 200, "delete": 204}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="duration of the measurement")
    parser.add_argument("--rate", type=int, default=30, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", action="store_true", help="write tests/stress/load/*.csv")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as work,
        System(work=Path(work), build=False, settings=SETTINGS, progress=report_progress) as running,
    ):
        speakers = [(name, running.token(name)) for name in (f"speaker-{i}" for i in range(SPEAKERS))]
        with load(
            running.url,
            speakers,
            users=options.rate * USERS_PER_REQUEST,
            rate=options.rate,
            seed=options.seed,
            timeout_s=TIMEOUT_S,
        ) as generator:
            report_progress(f"{options.rate} requests per second for {WARM_UP_S} + {options.seconds:g} s")
            generator.wait_for_first()
            time.sleep(WARM_UP_S)
            began, cpu_before = time.time(), cpu_ms(running.aws.process.pid, generator.pid)
            time.sleep(options.seconds)
            ended, cpu_after = time.time(), cpu_ms(running.aws.process.pid, generator.pid)
            generator.stop()
            everything = generator.exchanges()
        rows = sessions_table(running)
    measured = [one for one in everything if began <= one.at < ended]
    findings = audit(everything, rows)
    errors = sum(one.status != EXPECTED[one.operation] for one in measured)
    latencies = results.Table(
        ("operation", "requests", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"), _latencies(measured)
    )
    spent = Counter({component: ms - cpu_before[component] for component, ms in cpu_after.items()})
    cpu = results.Table(("component", "CPU ms", "share", "CPU ms per request"), _cpu(spent, measured))
    print(f"\n{results.machine()}\n\n{latencies}\n\n{cpu}\n")
    for finding in findings[:20]:
        print(f"  {finding}")
    late = sum(one.took > USERS_PER_REQUEST for one in measured)
    total = latencies.rows[-1]
    summary = (
        f"{len(measured):,} requests in {ended - began:.0f} s: p50 {total[2]} ms, p95 {total[3]} ms, "
        f"p99 {total[4]} ms; {errors} errors; {late} responses that delayed the user's next request. "
        f"Audit of {len(everything):,} requests: {len(findings)} findings."
    )
    print(summary)
    if options.record:
        results.record("load", summary, {"last_run": latencies, "cpu": cpu})
    return int(bool(findings or errors))


def _latencies(exchanges: Sequence[Exchange]) -> list[tuple[object, ...]]:
    rows = []
    for name in (*OPERATIONS, "total"):
        some = [one for one in exchanges if name in (one.operation, "total")]
        took = sorted(one.took * 1000 for one in some)
        cuts = statistics.quantiles(took, n=100, method="inclusive") if len(took) > 1 else took * 99
        errors = sum(one.status != EXPECTED[one.operation] for one in some)
        rows.append(
            (name, len(some), *(round(ms) for ms in (cuts[49], cuts[94], cuts[98], took[-1])), errors)
        )
    return rows


def _cpu(spent: Counter[str], exchanges: Sequence[Exchange]) -> list[tuple[object, ...]]:
    """Return a row for each function, then for their sum and for the rest, which stands in for AWS."""
    requests = Counter(FUNCTION[one.operation] for one in exchanges)
    functions = {name: ms for name, ms in spent.items() if name not in (LOCAL_SYSTEM, MOTO, GENERATOR) and ms}
    whole = spent.total() - spent[GENERATOR]
    parts = [
        *sorted(functions.items(), key=lambda item: -item[1]),
        ("all functions", sum(functions.values())),
        (MOTO, spent[MOTO]),
        (LOCAL_SYSTEM, spent[LOCAL_SYSTEM]),
        (GENERATOR, spent[GENERATOR]),
    ]
    return [
        (
            name,
            ms,
            "" if name == GENERATOR else f"{ms / whole:.0%}",
            # The consumers of streams answer no requests.
            ""
            if name in functions and not requests[name]
            else f"{ms / (requests[name] or len(exchanges)):.2f}",
        )
        for name, ms in parts
    ]


FUNCTION = {
    "get": "get_session",
    "list": "list_sessions",
    "create": "create_session",
    "update": "update_session",
    "delete": "delete_session",
}


if __name__ == "__main__":
    sys.exit(main())
