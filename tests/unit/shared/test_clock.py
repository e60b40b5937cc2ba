"""The clock."""

import time

import pytest

from shared import clock


def test_now_is_in_epoch_milliseconds(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_784_919_838_390_999_999)

    assert clock.now_ms() == 1_784_919_838_390


def test_the_clock_is_running():
    assert 1_700_000_000_000 < clock.now_ms() < 4_000_000_000_000
