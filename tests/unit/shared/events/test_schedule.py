"""EventBridge Scheduler: the scheduled time of an invocation."""

from shared.events.schedule import scheduled_time


def test_the_scheduled_time_is_in_epoch_milliseconds():
    assert scheduled_time({"time": "2026-11-25T04:43:00Z"}) == 1_795_581_780_000
