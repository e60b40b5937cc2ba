"""GET /health, from the event to the table."""

from types import ModuleType, SimpleNamespace

import pytest

from tests.support.http_events import HEALTH
from tests.support.sessions import NOW
from tests.unit.functions.conftest import Invoke


def test_a_healthy_service_reports_its_release_and_the_response_time_of_the_table(
    invoke: Invoke, handlers: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
):
    seconds = iter([5.0, 5.0123])
    monkeypatch.setattr(handlers[HEALTH], "time", SimpleNamespace(perf_counter=lambda: next(seconds)))

    response = invoke(HEALTH)

    assert response.status == 200
    assert response.body == {
        "status": "healthy",
        "service": "session-management-http-api",
        "environment": "test",
        "version": "0.1.0+0123456789ab",
        "timestamp": NOW,
        "responseTimeMs": 12.3,
    }


def test_the_response_must_not_be_cached(invoke: Invoke):
    assert invoke(HEALTH).headers["Cache-Control"] == "no-store"


def test_the_table_is_checked_by_reading_one_key(invoke: Invoke):
    assert invoke(HEALTH).calls == ["GetItem"]
