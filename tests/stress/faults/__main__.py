"""Inject faults between the functions and DynamoDB under load, and audit what was acknowledged.

python -m tests.stress.faults [--seconds 5] [--rate 36] [--seed 1] [--only late] [--record]

Injects each fault into 1 %, 10 % and 100 % of the calls, one after the other, with a pause after each. Exits
with 1 if the audit finds a contradiction, if a response took too long, or if requests failed during a pause.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from scripts.command_line import report_progress
from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from scripts.local.system import System
from tests.stress import results
from tests.stress.faults.audit import acknowledged, applied, audit, left_open, refused, settle
from tests.stress.faults.proxy import FAULTS, Proxy
from tests.stress.load.generator import load
from tests.stress.load.target import SETTINGS, TIMEOUT_S, sessions_table
from tests.stress.load.workload import Exchange, Response

SHARES = (0.01, 0.1, 1.0)
WARM_UP_S = 6
PAUSE_S = 2.0
SPEAKERS = 16
FUNCTION_TIMEOUT_S = 10
GATEWAY_TIMEOUT_S = 30
HEAD = (
    "fault", "share", "faults", "requests", "acknowledged", "refused", "left open", "of these applied",
    "slowest s", "failed after",
)  # fmt: skip


@dataclass
class Phase:
    """A fault between `began` and `ended`, then a pause until `paused` (epoch seconds)."""

    fault: str
    share: float
    began: float
    ended: float
    paused: float
    injected: int


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="duration of each phase")
    parser.add_argument("--rate", type=int, default=36, help="requests per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=FAULTS, help="inject only this fault")
    parser.add_argument("--record", action="store_true", help="write tests/stress/faults/last_run.csv")
    options = parser.parse_args()
    faults = [options.only] if options.only else list(FAULTS)
    proxy = Proxy(seed=options.seed)
    with (
        tempfile.TemporaryDirectory() as work,
        EventLoop() as loop,
        listening(loop, proxy) as proxy_url,
    ):

        def through_proxy(aws_url: str) -> str:
            proxy.target = aws_url
            return proxy_url

        with System(
            work=Path(work),
            build=False,
            settings=SETTINGS,
            functions_aws_url=through_proxy,
            progress=report_progress,
        ) as running:
            speakers = [(name, running.token(name)) for name in (f"speaker-{i}" for i in range(SPEAKERS))]
            with load(
                running.url,
                speakers,
                users=SPEAKERS,
                rate=options.rate,
                seed=options.seed,
                timeout_s=TIMEOUT_S,
                refusals=True,
            ) as generator:
                generator.wait_for_first()
                time.sleep(WARM_UP_S)
                # Low shares first: after many failures the SDK's retry quota suppresses retries for a while.
                phases = [
                    _phase(proxy, fault, share, options.seconds) for share in SHARES for fault in faults
                ]
                generator.stop()
                exchanges = generator.exchanges()
            rows = sessions_table(running)
            settled = settle(exchanges, _repeat_create(running.url, dict(speakers)))
            rows_settled = sessions_table(running)
            longest = _longest_invocations(Path(work) / "logs")
    everything = [*exchanges, *settled]
    open_and_applied = {id(exchange) for exchange in applied(everything, rows)}
    table = results.Table(HEAD, _rows(phases, exchanges, open_and_applied))
    findings = [
        *audit(exchanges, rows),
        *audit(everything, rows_settled, settled=True),
        *_too_slow(exchanges, longest),
        *(f"{row[0]} at {row[1]}: {row[-1]} requests failed after it" for row in table.rows[:-2] if row[-1]),
    ]
    print(f"\n{results.machine()}\n\n{table}\n")
    for finding in findings[:30]:
        print(f"  {finding}")
    function, seconds = max(longest.items(), key=lambda item: item[1])
    injected = sum(phase.injected for phase in phases)
    summary = (
        f"{len(exchanges):,} requests, {injected:,} injected faults: {len(findings)} findings. "
        f"{sum(map(left_open, exchanges)):,} requests were left open, of which {len(open_and_applied):,} had "
        f"been applied; {len(settled)} creates were repeated with their keys. The longest invocation took "
        f"{seconds:.1f} s ({function}; the timeout is {FUNCTION_TIMEOUT_S} s)."
    )
    print(summary)
    if options.record:
        results.record("faults", summary, {"last_run": table})
    return int(bool(findings))


def _phase(proxy: Proxy, fault: str, share: float, seconds: float) -> Phase:
    report_progress(f"{fault} in {share:.0%} of the calls")
    began, injected = time.time(), proxy.injected[fault]
    proxy.inject(fault, share)
    time.sleep(seconds)
    proxy.stop_faults()
    ended = time.time()
    injected = proxy.injected[fault] - injected
    time.sleep(PAUSE_S)
    return Phase(fault, share, began, ended, time.time(), injected)


def _repeat_create(url: str, tokens: dict[str, str]) -> Callable[[Exchange], Response]:
    def repeat(exchange: Exchange) -> Response:
        response = requests.post(
            f"{url}/sessions",
            json=exchange.sent,
            headers={
                "Authorization": f"Bearer {tokens[exchange.speaker]}",
                "Idempotency-Key": str(exchange.key),
            },
            timeout=TIMEOUT_S,
        )
        return Response(response.status_code, response.headers, response.json())

    return repeat


def _longest_invocations(logs: Path) -> dict[str, float]:
    """Return the longest invocation of each function in seconds, from its log."""
    longest = {}
    for log in sorted(logs.glob("*.log")):
        lines = [json.loads(line) for line in log.read_text().splitlines() if '"durationMs"' in line]
        if lines:
            longest[log.stem.rpartition("-")[2]] = max(line["durationMs"] for line in lines) / 1000
    return longest


def _too_slow(exchanges: Sequence[Exchange], longest: dict[str, float]) -> list[str]:
    return [
        *(
            f"An invocation of {name} took {seconds:.1f} s"
            for name, seconds in longest.items()
            if seconds >= FUNCTION_TIMEOUT_S
        ),
        *(f"A response took {one.took:.1f} s" for one in exchanges if one.took >= GATEWAY_TIMEOUT_S),
    ]


def _rows(
    phases: Sequence[Phase], exchanges: Sequence[Exchange], open_and_applied: set[int]
) -> list[tuple[object, ...]]:
    """Return a row for each phase, one for the requests outside of phases, and the total."""

    def row(
        name: str, share: str, injected: int, some: Sequence[Exchange], failed: int
    ) -> tuple[object, ...]:
        counts = (sum(map(counted, some)) for counted in (acknowledged, refused, left_open))
        slowest = max((one.took for one in some), default=0)
        applied_count = sum(id(one) in open_and_applied for one in some)
        return (name, share, injected, len(some), *counts, applied_count, f"{slowest:.1f}", failed)

    during = [[one for one in exchanges if phase.began <= one.at < phase.ended] for phase in phases]
    inside = {id(one) for some in during for one in some}
    outside = [one for one in exchanges if id(one) not in inside]
    failed = [_failed_after(phase, exchanges) for phase in phases]
    return [
        *(
            row(phase.fault, f"{phase.share:.0%}", phase.injected, some, count)
            for phase, some, count in zip(phases, during, failed, strict=True)
        ),
        row("none", "", 0, outside, 0),
        row("total", "", sum(phase.injected for phase in phases), exchanges, sum(failed)),
    ]


def _failed_after(phase: Phase, exchanges: Sequence[Exchange]) -> int:
    pause = [one for one in exchanges if phase.ended <= one.at and one.at + one.took < phase.paused]
    return sum(left_open(one) or one.status >= 500 for one in pause)


if __name__ == "__main__":
    sys.exit(main())
