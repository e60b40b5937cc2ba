"""Load on the local system: who waits how long, what fails, and whose CPU time it takes.

python -m tests.stress.load [--seconds 60] [--rate 30] [--seed 1]

Exits with 1 when an answer was an error, or when the table does not hold what was acknowledged.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from scripts import local_system
from scripts.local.system import System
from tests.stress.benchmarks.report import machine
from tests.stress.faults import ledger
from tests.stress.load.cpu import GATEWAY, GENERATOR, MOTO, cpu_ms
from tests.stress.load.generator import load
from tests.stress.load.mix import MIX, Event

WARM_UP_S = 8
# So each user may take two seconds for an answer before its next request is sent later than planned.
USERS_PER_REQUEST = 2
SPEAKERS = 10
PATIENCE_S = 35
# What users get is in terraform/environments; a load must meet the functions and not the throttles.
SETTINGS = {
    "throttles": "{http_api={default={requests_per_second=5000,burst=5000}},"
    "websocket_api={default={requests_per_second=1000,burst=2000}}}",
    "sessions_per_speaker_per_hour": "1000000",
}
EXPECTED = {"get": 200, "list": 200, "create": 201, "change": 200, "end": 204}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rate", type=int, default=30, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    period_s = USERS_PER_REQUEST
    with (
        tempfile.TemporaryDirectory() as work,
        System(work=Path(work), build=False, settings=SETTINGS, progress=_say) as running,
    ):
        speakers = [(name, running.token(name)) for name in (f"speaker-{i}" for i in range(SPEAKERS))]
        with load(
            running.url,
            speakers,
            users=chosen.rate * period_s,
            rate=chosen.rate,
            seed=chosen.seed,
            patience_s=PATIENCE_S,
        ) as sending:
            _say(
                f"{chosen.rate} requests per second: {WARM_UP_S} s to warm up, {chosen.seconds:g} s measured"
            )
            sending.wait_for_first()
            time.sleep(WARM_UP_S)
            began, before = time.time(), cpu_ms(running.aws.process.pid, sending.pid)
            time.sleep(chosen.seconds)
            ended, after = time.time(), cpu_ms(running.aws.process.pid, sending.pid)
            sending.stop()
            everything = sending.events()
        rows = sessions_table(running)
    events = [event for event in everything if began <= event.at < ended]
    findings = ledger.check(everything, rows)
    print(f"\n{machine()}\n")
    print(
        table(("operation", "requests", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors"), latencies(events))
    )
    planned, late = chosen.rate * (ended - began), sum(event.took > period_s for event in events)
    print(
        f"\nSent {len(events):,} of {planned:,.0f} planned; {late} answers took longer than the {period_s} s"
        " after which a user's next request is sent late.\n"
    )
    spent = Counter({part: ms - before[part] for part, ms in after.items()})
    print(table(("whose CPU time", "ms", "share", "ms per call"), shares(spent, events)))
    used = spent.total() / 1000 / (ended - began)
    print(
        f"\n{used:.2f} processors were busy. Ledger: {len(everything):,} requests, {len(findings)} findings."
    )
    for finding in findings[:20]:
        print(f"  {finding}")
    return 1 if findings or any(event.status != EXPECTED[event.operation] for event in events) else 0


def sessions_table(running: System) -> dict[str, ledger.Row]:
    """What is in the table in the end."""
    client = local_system.aws_client("dynamodb", running.aws.url)
    (name,) = {
        function.environment["SESSIONS_TABLE"]
        for function in running.config.functions.values()
        if "SESSIONS_TABLE" in function.environment
    }
    return ledger.rows_of(client, name)


def latencies(events: list[Event]) -> list[tuple[str, ...]]:
    """One row per operation and one for all: milliseconds, and answers that were not the expected ones."""
    rows = []
    for name in (*MIX, "all"):
        some = [event for event in events if name in (event.operation, "all")]
        took = sorted(event.took * 1000 for event in some)
        cuts = statistics.quantiles(took, n=100, method="inclusive") if len(took) > 1 else took * 99
        wrong = Counter(event.status for event in some if event.status != EXPECTED[event.operation])
        errors = ", ".join(f"{count} x {status}" for status, count in wrong.items()) or "0"
        figures = (f"{ms:.0f}" for ms in (cuts[49], cuts[94], cuts[98], took[-1]))
        rows.append((name, f"{len(some):,}", *figures, errors))
    return rows


def shares(spent: Counter[str], events: list[Event]) -> list[tuple[str, ...]]:
    """Our functions, each and together, then what stands in for AWS; the generator has no share."""
    calls = Counter(f"{FUNCTION[event.operation]}" for event in events)
    functions = {part: ms for part, ms in spent.items() if part not in (GATEWAY, MOTO, GENERATOR) and ms}
    ours, whole = sum(functions.values()), spent.total() - spent[GENERATOR]
    rows = [
        (
            part,
            f"{ms:,.0f}",
            f"{ms / whole:.0%}",
            f"{ms / calls[part]:.2f}" if calls[part] else "",
        )
        for part, ms in sorted(functions.items(), key=lambda pair: -pair[1])
    ]
    per_request = len(events) or 1
    for part, ms in (("our functions together", ours), (MOTO, spent[MOTO]), (GATEWAY, spent[GATEWAY])):
        rows.append((part, f"{ms:,.0f}", f"{ms / whole:.0%}", f"{ms / per_request:.2f}"))
    rows.append((GENERATOR, f"{spent[GENERATOR]:,.0f}", "", f"{spent[GENERATOR] / per_request:.2f}"))
    return rows


FUNCTION = {
    "get": "get_session",
    "list": "list_sessions",
    "create": "create_session",
    "change": "update_session",
    "end": "delete_session",
}


def table(head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A table that reads well in a terminal and is one in Markdown."""
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]

    def row(cells: tuple[str, ...]) -> str:
        first, *others = zip(cells, widths, strict=True)
        return (
            f"| {first[0]:<{first[1]}} | " + " | ".join(f"{cell:>{width}}" for cell, width in others) + " |"
        )

    ruler = tuple("-" * widths[0] if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths))
    return "\n".join(row(line) for line in (head, ruler, *lines))


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
