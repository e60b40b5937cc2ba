"""Simulate many sessions at once, and many phones at the door of one.

How late are listener counts written, and when do ends and captions reach their listeners? How soon is a
session full?

python -m tests.stress.scale [--record]

The settings are Terraform's, the CPU times those of the last recorded run of tests.stress.fan_out. Exits with
1 if a target is missed.
"""

import argparse
import csv
import itertools
import math
import sys

from scripts import quotas
from scripts.command_line import report_progress
from scripts.launch_load import LaunchLoad
from tests.stress import results
from tests.stress.scale import caption_cases, door_cases
from tests.stress.scale.model import Consumer, Costs, Load, Outcome, Settings, percentile, simulate
from tests.support.terraform_plan import planned_resources

LOADS = [
    Load(sessions, listeners, shards)
    for sessions, listeners, shards in itertools.product((100, 1_000, 10_000), (50, 500), (4, 16))
]
TARGETS = {Load(1_000, 500, 4): (5.0, 3.0), Load(10_000, 50, 4): (2.0, 1.0)}
"""The highest p95 of the lags of counts and of ends, in seconds."""

EARLIER = Settings(
    sessions=Consumer(lanes=1, batch_size=10, window_s=0.0, memory_mb=512, threads=16),
    connections=Consumer(lanes=1, batch_size=100, window_s=0.0, memory_mb=512, threads=1),
    batched_deletes=False,
    waits_for_speaker=True,
)
THREADS = 16
MOST_JOINS = 150_000
"""Enough for stable percentiles: further shards are not simulated."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.scale", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write what docs/reliability.md quotes")
    options = parser.parse_args()
    consumers, costs = declared_consumers(), measured_costs()
    settings = Settings(sessions=consumers["session_changed"], connections=consumers["connections_changed"])
    rows, missed = [], []
    for load in LOADS:
        report_progress(f"{load.sessions:,} sessions with {load.listeners} listeners, {load.shards} shards")
        earlier, now = (simulate(each, costs, load, most_joins=MOST_JOINS) for each in (EARLIER, settings))
        count_s, end_s = lags(now)
        rows.append(
            (
                f"{load.sessions:,} x {load.listeners}, {load.shards} shards",
                *(f"{lag:.1f}" for lag in (*lags(earlier), count_s, end_s)),
                *(f"{now.utilization(stream):.0%}" for stream in ("connections", "sessions")),
                raised_quotas(load, now),
            )
        )
        if load in TARGETS and (count_s > TARGETS[load][0] or end_s > TARGETS[load][1]):
            missed.append(load)
    table = results.Table(
        (
            "sessions x listeners",
            "count before",
            "end before",
            "count",
            "end",
            "busiest lane: counts",
            "ends",
            "quotas to raise",
        ),
        rows,
    )
    print(f"\np95 of the lag in seconds\n\n{table}\n")
    captions = caption_cases.run(consumers["translate_captions"], costs)
    print(f"\nCaptions, seconds from publishCaption to the last listener\n\n{captions.table}\n")
    door = door_cases.run()
    print(f"\nThe door of a session, seconds and units\n\n{door.table}\n")
    for miss in (*captions.missed, *door.missed):
        print(f"  Target missed: {miss}")
    summary = f"{summarize(rows, missed)} {captions.summary} {door.summary}"
    print(summary)
    if options.record:
        results.record("scale", summary, {"last_run": table, "captions": captions.table, "door": door.table})
    return int(bool(missed or captions.missed or door.missed))


def declared_consumers() -> dict[str, Consumer]:
    """Return the consumers in the Terraform plan, by their functions."""
    resources = {resource["address"]: resource["values"] for resource in planned_resources()}

    def consumer(function: str) -> Consumer:
        mapping = resources[f'module.stream_consumer["{function}"].aws_lambda_event_source_mapping.this']
        return Consumer(
            lanes=mapping["parallelization_factor"],
            batch_size=mapping["batch_size"],
            window_s=float(mapping["maximum_batching_window_in_seconds"]),
            memory_mb=resources[f'module.function["{function}"].aws_lambda_function.this']["memory_size"],
            threads=THREADS,
        )

    functions = ("session_changed", "connections_changed", "translate_captions")
    return {function: consumer(function) for function in functions}


def measured_costs() -> Costs:
    """Return the CPU seconds that the benchmark of the fan-out has recorded."""
    with (results.FOLDER / "fan_out" / "last_run.csv").open() as file:
        ms = {row["operation"]: float(row["CPU ms"]) for row in csv.DictReader(file)}
    return Costs(
        post=ms["post"] / 1000,
        close=ms["close"] / 1000,
        query=ms["query_0"] / 1000,
        row=(ms["query_500"] - ms["query_0"]) / 500 / 1000,
        update=ms["update"] / 1000,
        delete=ms["delete"] / 1000,
        batch_delete=ms["batch_delete"] / 1000,
        invocation=ms["invocation"] / 1000,
        record=ms["record"] / 1000,
    )


def lags(outcome: Outcome) -> tuple[float, float]:
    """Return the p95 of the lags of counts and of ends, in seconds."""
    return percentile(outcome.count_lags, 0.95), percentile(outcome.end_lags, 0.95)


def raised_quotas(load: Load, outcome: Outcome) -> str:
    """Return the default quotas that the load exceeds, and what they are assumed to be raised to."""
    needs = {
        "requests/s": (outcome.requests_per_second, quotas.REQUESTS),
        "connects/s": (LaunchLoad(load.sessions, load.listeners).joins, quotas.CONNECTS),
    }
    raised = [
        f"{_round_up(need):,} {name}"
        for name, (need, quota) in needs.items()
        if quota.verdict(math.ceil(need)) is quotas.Raise.YES
    ]
    return ", ".join(raised) or "none"


def summarize(rows: list[tuple[str, ...]], missed: list[Load]) -> str:
    """Return the sentences that docs/reliability.md quotes."""
    targets = [row for row, load in zip(rows, LOADS, strict=True) if load in TARGETS]
    cases = "; ".join(
        f"{name}: {count} s and {end} s (before the lanes: {old_count} s and {old_end} s)"
        for name, old_count, old_end, count, end, *_ in targets
    )
    verdict = f"{len(missed)} of {len(TARGETS)} targets missed." if missed else "All targets met."
    return f"p95 of the lag of a listener count and of an end, simulated. {cases}. {verdict}"


def _round_up(need: float) -> int:
    digits = 10 ** (len(str(int(need))) - 2)
    return math.ceil(need / digits) * digits


if __name__ == "__main__":
    sys.exit(main())
