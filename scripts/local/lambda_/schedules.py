"""EventBridge Scheduler on this machine: it invokes the functions of the declared schedules every minute.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from scripts.local.config.schedules import Schedule
from scripts.local.lambda_.invocation import Functions, Result, Throttled

PERIOD_SECONDS = 60.0

# https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"


class Schedules:
    """Invokes the functions of schedules. `clock` returns epoch seconds; `sleep` waits between two runs."""

    def __init__(
        self,
        schedules: Sequence[Schedule],
        functions: Functions,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._schedules = schedules
        self._functions = functions
        self._clock = clock
        self._sleep = sleep
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to invoke the functions every minute; the first time is in one minute."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop invoking."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self, at: float) -> dict[str, Result]:
        """Invoke the functions of all schedules as if it were `at`, in epoch seconds.

        Return their results by the schedule's name, as soon as all have ended.
        """
        results = await asyncio.gather(*(self._invoke(schedule, at) for schedule in self._schedules))
        return {schedule.name: result for schedule, result in zip(self._schedules, results, strict=True)}

    async def _run(self) -> None:
        while True:
            await self._sleep(PERIOD_SECONDS)
            await self.run(self._clock())

    async def _invoke(self, schedule: Schedule, at: float) -> Result:
        scheduled_time = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
        event = schedule.input.replace(_SCHEDULED_TIME, scheduled_time)
        try:
            return await self._functions.invoke(schedule.function, event.encode())
        except Throttled:
            return Result(b"", error="TooManyRequestsException")
