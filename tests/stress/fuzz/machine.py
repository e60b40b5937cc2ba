"""The state machine of the HTTP API, with more and longer runs than in `make test`."""

import argparse
import logging
import traceback
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

import tests.conftest  # noqa: F401  # credentials that cannot reach a real AWS account
from tests.stress.fuzz.outcome import Outcome, print_statuses
from tests.unit.state_machine.test_http_api import HttpApi, TestHttpApi

RUNS = 250
STEPS = 50


def run(_options: argparse.Namespace) -> Outcome:
    """Run the state machine, and print the number of responses by route and status."""
    statuses: Counter[tuple[str, int]] = Counter()

    class Counted(HttpApi):
        def _send(self, route: str, status: int, **sent: Any) -> Any:
            statuses[route, status] += 1
            return super()._send(route, status, **sent)

    logging.disable()
    passed = False
    try:
        run_state_machine_as_test(
            Counted,
            settings=settings(TestHttpApi.settings, max_examples=RUNS, stateful_step_count=STEPS),
        )
        passed = True
    except Exception:  # noqa: BLE001  # every exception is a finding
        traceback.print_exc()
    finally:
        logging.disable(logging.NOTSET)
    print_statuses(statuses)
    return Outcome(passed, f"{RUNS} runs, {statuses.total():,} requests")
