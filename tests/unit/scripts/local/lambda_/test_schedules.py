"""Schedules invoke their functions every minute, and when a test says what time it is."""

import asyncio
import json

from scripts.local.config.schedules import Schedule
from scripts.local.lambda_.invocation import Result, Throttled
from scripts.local.lambda_.schedules import Schedules

SCHEDULE = Schedule("sweep-sessions", "sweep", '{"time":"<aws.scheduler.scheduled-time>"}')
NOW = 1_795_581_780.9  # 2026-11-25T04:43:00.9Z


class Functions:
    """A fake of Lambda that keeps the events by function; `throttles` makes it refuse them."""

    def __init__(self) -> None:
        self.events: list[tuple[str, object]] = []
        self.throttles = False

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        self.events.append((function, json.loads(payload)))
        if self.throttles:
            raise Throttled
        return Result(b'"done"')


class Minutes:
    """A clock, and a sleep of which a test lets a number of calls end."""

    def __init__(self, number: int) -> None:
        self.now = NOW
        self.passed = asyncio.Event()
        self._left = number

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if not self._left:
            self.passed.set()
            await asyncio.Event().wait()
        self._left -= 1
        self.now += seconds


async def _run_for(minutes: int, functions: Functions) -> None:
    clock = Minutes(minutes)
    schedules = Schedules([SCHEDULE], functions, clock=clock, sleep=clock.sleep)
    await schedules.start()
    await clock.passed.wait()
    await schedules.stop()


def test_a_run_invokes_each_function_with_its_time_and_returns_the_results():
    functions = Functions()
    other = Schedule("other", "report", "{}")

    results = asyncio.run(Schedules([SCHEDULE, other], functions).run(NOW))

    assert functions.events == [("sweep", {"time": "2026-11-25T04:43:00Z"}), ("report", {})]
    assert results == {"sweep-sessions": Result(b'"done"'), "other": Result(b'"done"')}


def test_a_function_is_invoked_every_minute_from_the_first_one_on():
    functions = Functions()

    asyncio.run(_run_for(2, functions))

    times = [event for _, event in functions.events]
    assert times == [{"time": "2026-11-25T04:44:00Z"}, {"time": "2026-11-25T04:45:00Z"}]


def test_an_invocation_that_is_throttled_fails_and_the_next_minute_tries_again():
    functions = Functions()
    functions.throttles = True

    asyncio.run(_run_for(2, functions))
    results = asyncio.run(Schedules([SCHEDULE], functions).run(NOW))

    assert len(functions.events) == 3
    assert results["sweep-sessions"].error == "TooManyRequestsException"
