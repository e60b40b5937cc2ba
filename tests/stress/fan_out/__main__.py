"""Measure what it costs to reach an audience: the real functions, under Lambda's own runtime client.

python -m tests.stress.fan_out [--rounds 5] [--record]

DynamoDB and the management API are a server on this machine that answers at once. CPU time is what carries
over to AWS, where a function has a share of a processor. Linux only. Exits with 1 if a target is missed.
"""

import argparse
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.command_line import report_progress
from scripts.project import ROOT
from shared.audience.connection import SessionRef
from shared.captions.caption import Caption
from shared.sessions.session import LIFETIME_S, Language, Session, Status
from tests.stress import results
from tests.stress.benchmarks.contenders import Contender
from tests.stress.benchmarks.cpu_quota import processors
from tests.stress.benchmarks.lambda_runtime import Cost, measure
from tests.stress.fan_out.stand_in import StandIn
from tests.support.connections import a_listener
from tests.support.function_settings import environment
from tests.support.sessions import a_session
from tests.support.terraform_plan import planned_resources
from tests.support.websocket_events import stream

LISTENERS = 500
OPERATIONS = {"post": 320, "close": 320, "query": 32, "update": 320, "delete": 320, "batch_delete": 64}
"""The calls that are measured alone (`operations.py`), and how often one invocation makes each."""
EARLIER_MEMORY_MB = 512
MINUTE_MS = 60_000
DISMISSAL_CPU_MS = 2.1
DISMISSAL_WALL_MS = 1500
CAPTION_CPU_MS = 1.2
"""Targets: CPU time per dismissed listener, the time in which the declared memory dismisses 500, and CPU time
per delivered caption.
"""
CAPTION_LANGUAGES = [Language(code) for code in ("es", "fr", "de", "pt", "en")]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.fan_out", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="invocations of each kind, after the first")
    parser.add_argument("--record", action="store_true", help="write what docs/reliability.md quotes")
    options = parser.parse_args()
    memory_mb = _declared_memory_mb("session_changed")
    now = time.time_ns() // 1_000_000
    session = a_session(created_at=now, updated_at=now, expires_at=now // 1000 + LIFETIME_S)
    with StandIn() as stand_in:
        bench = Bench(stand_in, session, options.rounds)
        costs = bench.costs()
        dismissed = bench.dismiss(LISTENERS)
        per_listener = (dismissed.warm_ms - bench.dismiss(0).warm_ms) / LISTENERS
        walls = {
            memory: bench.dismiss(LISTENERS, processors(memory)).wall_ms
            for memory in dict.fromkeys((EARLIER_MEMORY_MB, memory_mb))
        }
        per_caption = (bench.caption(LISTENERS) - bench.caption(0)) / LISTENERS
    costs["dismissal"], costs["caption"] = per_listener, per_caption
    table = results.Table(("operation", "CPU ms"), [(name, f"{ms:.3f}") for name, ms in costs.items()])
    print(f"\n{results.machine()}\n\n{table}\n")
    missed = per_listener > DISMISSAL_CPU_MS or walls[memory_mb] > DISMISSAL_WALL_MS
    missed = missed or per_caption > CAPTION_CPU_MS
    times = ", ".join(f"{wall / 1000:.1f} s at {memory:,} MB" for memory, wall in walls.items())
    summary = (
        f"{per_listener:.2f} ms of CPU time per dismissed listener (at most {DISMISSAL_CPU_MS}): a post "
        f"takes {costs['post']:.2f} ms, a query of {LISTENERS} rows {costs['query_500']:.1f} ms, a count of "
        f"so many {costs['count_500']:.1f} ms. With Lambda's share of a processor, {LISTENERS} listeners "
        f"are dismissed in {times} (at most {DISMISSAL_WALL_MS / 1000} s at the declared {memory_mb:,} MB). "
        f"A caption takes {per_caption:.2f} ms of CPU time per connection that it is sent to (at most "
        f"{CAPTION_CPU_MS}), with {LISTENERS} listeners of {len(CAPTION_LANGUAGES)} languages."
    )
    print(summary)
    if options.record:
        results.record("fan_out", summary, {"last_run": table})
    return int(missed)


class Bench:
    """Runs functions with the stand-in's session as their only one; `rounds` invocations of each kind."""

    def __init__(self, stand_in: StandIn, session: Session, rounds: int) -> None:
        self._stand_in = stand_in
        self._session = session
        self._rounds = rounds

    def costs(self) -> dict[str, float]:
        """Return the CPU ms of each call, of an invocation with one record, and of a further record."""
        costs = {}
        for operation, times in OPERATIONS.items():
            for listeners in (0, LISTENERS) if operation == "query" else (1,):
                self._stand_in.hold(self._session, listeners)
                event = {"operation": operation, "times": times}
                cost = self._measure("tests.stress.fan_out.operations.handler", event)
                name = f"query_{listeners}" if operation == "query" else operation
                costs[name] = cost.warm_ms / times
        counted = self._session, replace(self._session, listener_count=1)
        one, more = (self._changes(counted, records) for records in (1, 10))
        costs["invocation"], costs["record"] = one, (more - one) / 9
        for listeners in (0, LISTENERS):
            costs[f"count_{listeners}"] = self.count(listeners)
        return costs

    def _changes(self, change: tuple[Session, Session], records: int) -> float:
        self._stand_in.hold(change[1], 1)
        cost = self._measure("functions.session_changed.handler.handler", stream(*[change] * records))
        return cost.warm_ms

    def count(self, listeners: int) -> float:
        """Return the CPU ms of an invocation that counts so many listeners and sends the count."""
        self._stand_in.hold(self._session, listeners)
        waiting = a_listener(
            session_id=self._session.id,
            session_created_at=self._session.created_at,
            expires_at=self._session.expires_at,
            admitted_at=None,
        )
        event = stream((waiting, replace(waiting, admitted_at=self._session.created_at)))
        return self._measure("functions.connections_changed.handler.handler", event).warm_ms

    def dismiss(self, listeners: int, share: float | None = None) -> Cost:
        """Return the cost of an invocation that dismisses the speaker and so many listeners."""
        now = self._session.created_at
        ended = replace(self._session, status=Status.ENDED, ended_at=now, version=self._session.version + 1)
        self._stand_in.hold(ended, listeners)
        event = stream((self._session, ended))
        cost = self._measure("functions.session_changed.handler.handler", event, share)
        calls = self._stand_in.calls
        invocations = 1 + self._rounds
        for operation in ("PostToConnection", "DeleteConnection"):
            if calls[operation] != invocations * (1 + listeners):
                raise RuntimeError(f"{calls[operation]} calls of {operation} in {invocations} invocations")
        return cost

    def caption(self, listeners: int) -> float:
        """Return the CPU ms of an invocation that translates and delivers one caption."""
        self._stand_in.hold(self._session, listeners, CAPTION_LANGUAGES)
        now = self._session.created_at
        caption = Caption(
            session=SessionRef(self._session.id, now),
            sequence=1,
            text="Blessed are those who hunger and thirst for righteousness.",
            source_language=self._session.source_language,
            spoken_at=now,
            published_at=now + MINUTE_MS,  # never too old to be sent
            expires_at=self._session.expires_at,
        )
        cost = self._measure("functions.translate_captions.handler.handler", stream((None, caption)))
        invocations = 1 + self._rounds
        expected = {"PostToConnection": 1 + listeners, "TranslateText": 4 if listeners else 0}
        for operation, count in expected.items():
            if self._stand_in.calls[operation] != invocations * count:
                raise RuntimeError(f"{self._stand_in.calls[operation]} calls of {operation}")
        return cost.warm_ms

    def _measure(self, handler: str, event: dict[str, Any], share: float | None = None) -> Cost:
        report_progress(f"{handler.split('.')[-3]}: {event.get('operation', 'records')}")
        function = Contender("ours", handler, handler, [ROOT], event, None)
        env = {
            **environment("session_changed"),
            **environment("connections_changed"),
            **environment("translate_captions"),
            "MAX_LANGUAGES": str(len(Language)),
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": self._stand_in.url,
            "WEBSOCKET_ENDPOINT": f"{self._stand_in.url}/ws",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_LAMBDA_LOG_LEVEL": "INFO",
        }
        return measure(Path(sys.executable), function, env, self._rounds, share=share)


def _declared_memory_mb(function: str) -> int:
    address = f'module.function["{function}"].aws_lambda_function.this'
    (planned,) = [resource for resource in planned_resources() if resource["address"] == address]
    return int(planned["values"]["memory_size"])


if __name__ == "__main__":
    sys.exit(main())
