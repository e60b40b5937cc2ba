"""The state machines of the HTTP API and of joins and ends, with more runs than in `make test`."""

import argparse
import logging
import traceback
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

import tests.conftest  # noqa: F401  # credentials that cannot reach a real AWS account
from tests.stress.fuzz.outcome import Outcome, print_statuses
from tests.unit.state_machine.test_http_api import HttpApi, TestHttpApi
from tests.unit.state_machine.test_join_and_end import JoinAndEnd, TestJoinAndEnd

RUNS = 250
STEPS = 50
JOIN_RUNS = 500


def run(_options: argparse.Namespace) -> Outcome:
    """Run both state machines, and print the number of responses by route and status."""
    statuses: Counter[tuple[str, int]] = Counter()

    class Counted(HttpApi):
        def _send(self, route: str, status: int, **sent: Any) -> Any:
            statuses[route, status] += 1
            return super()._send(route, status, **sent)

    machines: dict[type[RuleBasedStateMachine], settings] = {
        Counted: settings(TestHttpApi.settings, max_examples=RUNS, stateful_step_count=STEPS),
        JoinAndEnd: settings(TestJoinAndEnd.settings, max_examples=JOIN_RUNS),
    }
    logging.disable()
    try:
        failed = [machine for machine, runs in machines.items() if not _passes(machine, runs)]
    finally:
        logging.disable(logging.NOTSET)
    print_statuses(statuses)
    return Outcome(
        not failed, f"{RUNS} runs, {statuses.total():,} requests; {JOIN_RUNS} runs of joins and ends"
    )


def _passes(machine: type[RuleBasedStateMachine], runs: settings) -> bool:
    try:
        run_state_machine_as_test(machine, settings=runs)
    except Exception:  # noqa: BLE001  # every exception is a finding
        traceback.print_exc()
        return False
    return True
