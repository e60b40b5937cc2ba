"""The state machine of the HTTP API, for longer than `make test` has time."""

import argparse
import logging
import traceback
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

import tests.conftest  # noqa: F401  # an AWS that cannot be reached by mistake
from tests.unit.state_machine.test_http_api import HttpApi, TestHttpApi

EXAMPLES = 250
STEPS = 50


def run(_chosen: argparse.Namespace) -> bool:
    """Run it, and print what was answered how often."""
    answers: Counter[tuple[str, int]] = Counter()

    class Counted(HttpApi):
        def _send(self, route: str, status: int, **sent: Any) -> Any:
            answers[route, status] += 1
            return super()._send(route, status, **sent)

    logging.disable()
    try:
        run_state_machine_as_test(
            Counted,
            settings=settings(TestHttpApi.settings, max_examples=EXAMPLES, stateful_step_count=STEPS),
        )
    except Exception:  # noqa: BLE001  # whatever it is, it is a finding
        traceback.print_exc()
        return False
    finally:
        logging.disable(logging.NOTSET)
        print(f"{answers.total():,} requests in {EXAMPLES} runs of up to {STEPS} steps")
        print_answers(answers)
    return True


def print_answers(answers: Counter[tuple[str, int]]) -> None:
    """Print a line for each route: how often each status was answered."""
    for route in sorted({route for route, _ in answers}):
        by_status = sorted((status, count) for (one, status), count in answers.items() if one == route)
        print(f"  {route:30} " + "  ".join(f"{status}: {count:,}" for status, count in by_status))
