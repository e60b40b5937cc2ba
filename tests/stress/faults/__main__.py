"""Faults between the functions and DynamoDB while the load runs, and a ledger of what was acknowledged.

python -m tests.stress.faults [--seconds 5] [--rate 36] [--seed 1] [--only late]

Every fault at 1 %, 10 % and 100 % of the calls, one after the other, with a moment of peace after each. Exits
with 1 when the ledger and the table disagree, when an answer took too long, or when the peace was broken.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from scripts.local.system import System
from tests.stress.benchmarks.report import machine
from tests.stress.faults import ledger
from tests.stress.faults.proxy import FAULTS, Proxy
from tests.stress.load.__main__ import PATIENCE_S, SETTINGS, sessions_table, table
from tests.stress.load.generator import load
from tests.stress.load.mix import Answer, Event

RATES = (0.01, 0.1, 1.0)
WARM_UP_S = 6
PEACE_S = 2.0
SPEAKERS = 16
FUNCTION_LIMIT_S = 10
GATEWAY_LIMIT_S = 30
HEAD = (
    "fault", "rate", "faults", "requests", "acknowledged", "refused", "left open", "of these applied",
    "slowest s", "errors after",
)  # fmt: skip


@dataclass
class Phase:
    """A fault at a rate, from `began` until `ended`, and peace until `over` (epoch seconds)."""

    fault: str
    rate: float
    began: float
    ended: float
    over: float
    injected: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each fault at each rate")
    parser.add_argument("--rate", type=int, default=36, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=FAULTS, help="one fault alone")
    chosen = parser.parse_args()
    proxy = Proxy(seed=chosen.seed)
    with (
        tempfile.TemporaryDirectory() as work,
        EventLoop() as loop,
        listening(loop, proxy) as proxy_url,
    ):

        def through_the_proxy(aws_url: str) -> str:
            proxy.target = aws_url
            return proxy_url

        with System(
            work=Path(work),
            build=False,
            settings=SETTINGS,
            functions_aws_url=through_the_proxy,
            progress=_say,
        ) as running:
            speakers = [(name, running.token(name)) for name in (f"speaker-{i}" for i in range(SPEAKERS))]
            with load(
                running.url,
                speakers,
                users=SPEAKERS,
                rate=chosen.rate,
                seed=chosen.seed,
                patience_s=PATIENCE_S,
                refusals=True,
            ) as sending:
                sending.wait_for_first()
                time.sleep(WARM_UP_S)
                # Rates rise from one end to the other: after much failed the SDK tries less for a while.
                phases = [
                    _phase(proxy, fault, rate, chosen.seconds)
                    for rate in RATES
                    for fault in ([chosen.only] if chosen.only else FAULTS)
                ]
                sending.stop()
                events = sending.events()
            before = sessions_table(running)
            settled = [*events, *_settle(running.url, dict(speakers), events)]
            after = sessions_table(running)
            functions = _function_seconds(Path(work) / "logs")
    findings = [
        *ledger.check(events, before),
        *ledger.check(settled, after, settled=True),
        *_too_slow(events, functions),
    ]
    there = {id(event) for event in ledger.applied(settled, before)}
    rows = [_row(phase, events, there) for phase in phases]
    findings += [
        f"{row[0]} at {row[1]}: errors after it had stopped: {row[-1]}" for row in rows if row[-1] != "0"
    ]
    print(f"\n{machine()}\n\n{table(HEAD, [*rows, _sum(rows)])}\n")
    open_, found = sum(map(ledger.left_open, events)), len(there)
    print(f"{len(events):,} requests, {open_:,} left open; {found:,} of these writes had been applied.")
    print(f"{len(settled) - len(events)} creates were sent again with their keys: each has one session.")
    slowest = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in functions.items())
    print(f"The longest that a function took: {slowest} (limit {FUNCTION_LIMIT_S} s).")
    print(f"The table holds {len(after):,} sessions. Findings: {len(findings)}")
    for finding in findings[:30]:
        print(f"  {finding}")
    return 1 if findings else 0


def _phase(proxy: Proxy, fault: str, rate: float, seconds: float) -> Phase:
    _say(f"{fault} at {rate:.0%}")
    began, injected = time.time(), proxy.calls[fault]
    proxy.do(fault, rate)
    time.sleep(seconds)
    proxy.stop_faults()
    ended = time.time()
    injected = proxy.calls[fault] - injected
    time.sleep(PEACE_S)
    return Phase(fault, rate, began, ended, time.time(), injected)


def _settle(url: str, tokens: dict[str, str], events: list[Event]) -> list[Event]:
    def again(event: Event) -> Answer:
        response = requests.post(
            f"{url}/sessions",
            json=event.sent,
            headers={"Authorization": f"Bearer {tokens[event.speaker]}", "Idempotency-Key": str(event.key)},
            timeout=PATIENCE_S,
        )
        return Answer(response.status_code, response.headers, response.json())

    return ledger.settle(events, again)


def _function_seconds(logs: Path) -> dict[str, float]:
    """The longest call of each function, from its log."""
    longest = {}
    for log in sorted(logs.glob("*.log")):
        lines = [json.loads(line) for line in log.read_text().splitlines() if '"durationMs"' in line]
        if lines:
            longest[log.stem] = max(line["durationMs"] for line in lines) / 1000
    return longest


def _too_slow(events: list[Event], functions: dict[str, float]) -> list[str]:
    return [
        *(
            f"{name} took {seconds:.1f} s"
            for name, seconds in functions.items()
            if seconds >= FUNCTION_LIMIT_S
        ),
        *(f"An answer took {event.took:.1f} s" for event in events if event.took >= GATEWAY_LIMIT_S),
    ]


def _row(phase: Phase, events: list[Event], there: set[int]) -> tuple[str, ...]:
    during = [event for event in events if phase.began <= event.at < phase.ended]
    after = [event for event in events if phase.ended <= event.at and event.at + event.took < phase.over]
    errors = Counter(event.status for event in after if ledger.left_open(event) or event.status >= 500)
    return (
        phase.fault,
        f"{phase.rate:.0%}",
        str(phase.injected),
        str(len(during)),
        str(sum(map(ledger.acknowledged, during))),
        str(sum(map(ledger.refused, during))),
        str(sum(map(ledger.left_open, during))),
        str(sum(id(event) in there for event in during)),
        f"{max((event.took for event in during), default=0):.1f}",
        str(errors.total()),
    )


def _sum(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    sums = (str(sum(int(row[column]) for row in rows)) for column in range(2, 8))
    return ("all", "", *sums, max((row[8] for row in rows), key=float), str(sum(int(row[9]) for row in rows)))


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
