"""Throttles of the HTTP API, by a clock that does not move while requests are counted."""

import requests

from scripts.local.system import System
from tests.faults.in_process.conftest import TIMEOUT_S, Clock

HEALTH_BURST = 100  # terraform/environments/local.tfvars


def test_a_crowd_is_throttled_and_served_again_after(local: System, clock: Clock):
    def status() -> int:
        return requests.get(f"{local.url}/health", timeout=TIMEOUT_S).status_code

    clock.move_forward(60)
    with clock.stopped():
        statuses = [status() for _ in range(HEALTH_BURST + 2)]
    clock.move_forward(1)

    assert statuses == [200] * HEALTH_BURST + [429] * 2
    assert status() == 200
