"""A world in which one thing happens at a time, so that a test may stop, break or kill anything anywhere.

Every function runs its real code in a thread of its own and stops before each call that it makes: of DynamoDB
(moto, in this process), of @connections, and of sleep. Whoever holds the world says who goes on, and how.
"""

import threading
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from botocore.exceptions import ConnectionClosedError

from tests.support.management_api import client_error


class Verdict(StrEnum):
    """What becomes of a call."""

    DONE = "done"
    REFUSED = "refused"  # DynamoDB breaks off, API Gateway answers 429; nothing has happened
    ANSWER_LOST = "answer lost"  # it has happened, and the caller does not know
    DIED_BEFORE = "died before"
    DIED_AFTER = "died after"


class Died(BaseException):
    """The function's process is gone: no handler of errors runs, no call reaches anybody."""


class Run:
    """One invocation of a function, up to its next call."""

    def __init__(
        self, world: "World", name: str, deed: Callable[[], Any], limit_ms: int, skew_ms: int
    ) -> None:
        self.name = name
        self.waits_for: str | None = "start"
        self.answer: Any = None
        self.died = False
        self.deadline = world.now + limit_ms
        self.wakes_at = world.now
        self.skew_ms = skew_ms
        self.verdict = Verdict.DONE
        self._world = world
        self._deed = deed
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def over(self) -> bool:
        """Whether it has answered or died."""
        return self.waits_for is None

    def go_on(self, verdict: Verdict) -> None:
        """Let it make the call that it waits for, and come to the next."""
        self.verdict = verdict
        self._world.running = self
        self._go.release()
        assert self._stopped.acquire(timeout=20), f"{self.name} does not come back"
        self._world.running = None

    def stop_before(self, call: str) -> None:
        """Wait until the world lets it go on; raises what becomes of the call."""
        if self.died:
            raise Died
        self.waits_for = call
        self._stopped.release()
        self._go.acquire()
        if self.verdict is Verdict.DIED_BEFORE:
            self.died = True
            raise Died

    def stop_after(self) -> None:
        """Raise what becomes of a caller whose call has been made."""
        if self.verdict is Verdict.DIED_AFTER:
            self.died = True
            raise Died

    def _run(self) -> None:
        self._go.acquire()
        try:
            self.died = self.verdict in (Verdict.DIED_BEFORE, Verdict.DIED_AFTER)
            if not self.died:
                self.answer = self._deed()
        except Died:
            self.died = True
        finally:
            self.waits_for = None
            self._stopped.release()


class World:
    """Time, and all that runs. What runs asks it for the time, sleeps in it, and calls through it."""

    STEP_MS = 7

    def __init__(self, now: int) -> None:
        self.now = now
        self.running: Run | None = None
        self.runs: list[Run] = []

    def clock(self) -> int:
        """Return the time as whoever asks has it, epoch ms."""
        return self.now + (self.running.skew_ms if self.running else 0)

    def time_left(self) -> int:
        """Return what Lambda would say, in ms."""
        assert self.running
        return self.running.deadline - self.now

    def sleep(self, seconds: float) -> None:
        """Stop for that long at least."""
        assert self.running
        self.running.wakes_at = self.now + round(seconds * 1000)
        self.running.stop_before("sleep")

    def start(self, name: str, deed: Callable[[], Any], *, limit_ms: int, skew_ms: int = 0) -> Run:
        """Begin an invocation; it waits before its first call."""
        run = Run(self, name, deed, limit_ms=limit_ms, skew_ms=skew_ms)
        self.runs.append(run)
        return run

    def go_on(self, run: Run, verdict: Verdict = Verdict.DONE) -> None:
        """Let the run make its call, while some time passes; those whose time is up are killed first."""
        self.pass_time(max(self.STEP_MS, run.wakes_at - self.now))
        if not run.over:
            run.go_on(verdict)
        self.runs = [run for run in self.runs if not run.over]

    def pass_time(self, ms: int) -> None:
        """Let time pass, and Lambda kill what has run for too long."""
        self.now += ms
        for run in self.runs:
            if self.now >= run.deadline:
                run.go_on(Verdict.DIED_BEFORE)
        self.runs = [run for run in self.runs if not run.over]

    def watch(self, client: Any) -> None:
        """Have every call of an AWS client stop here."""
        client.meta.events.register("before-call.dynamodb", self._before_dynamodb)
        client.meta.events.register("after-call.dynamodb", self._after_dynamodb)

    def watch_no_more(self, client: Any) -> None:
        """Let the client go."""
        client.meta.events.unregister("before-call.dynamodb", self._before_dynamodb)
        client.meta.events.unregister("after-call.dynamodb", self._after_dynamodb)

    def before_socket(self, operation: str, connection_id: str) -> None:
        """Stop before a call of @connections."""
        if self.running:
            self.running.stop_before(f"{operation} {connection_id}")
            if self.running.verdict is Verdict.REFUSED:
                raise client_error(429)

    def after_socket(self, _operation: str, _connection_id: str) -> None:
        """Lose what comes after a call of @connections."""
        if self.running:
            self.running.stop_after()
            if self.running.verdict is Verdict.ANSWER_LOST:
                raise ConnectionClosedError(endpoint_url="@connections")

    def _before_dynamodb(self, model: Any, **_: Any) -> None:
        if self.running:
            self.running.stop_before(model.name)
            if self.running.verdict is Verdict.REFUSED:
                raise ConnectionClosedError(endpoint_url="dynamodb")

    def _after_dynamodb(self, **_: Any) -> None:
        if self.running:
            self.running.stop_after()
            if self.running.verdict is Verdict.ANSWER_LOST:
                raise ConnectionClosedError(endpoint_url="dynamodb")
