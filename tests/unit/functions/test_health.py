"""GET /health, from the event to the table."""

import time
from collections.abc import Callable
from typing import Any

from tests.support.http_events import HEALTH
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]


def test_a_healthy_service_in_full(table: Any, invoke: Invoke):
    answer = invoke(HEALTH)

    assert answer.status == 200
    assert answer.body == {
        "status": "healthy",
        "service": "session-management-http-api",
        "environment": "test",
        "version": "0.1.0+0123456789ab",
        "timestamp": answer.body["timestamp"],
        "responseTimeMs": answer.body["responseTimeMs"],
    }
    assert abs(answer.body["timestamp"] - time.time() * 1000) < 60_000
    assert 0 <= answer.body["responseTimeMs"] < 10_000


def test_health_is_never_cached(table: Any, invoke: Invoke):
    assert invoke(HEALTH).headers["Cache-Control"] == "no-store"


def test_health_reads_one_key_and_never_scans(table: Any, invoke: Invoke):
    assert invoke(HEALTH).calls == ["GetItem"]
