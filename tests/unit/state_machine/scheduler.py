"""Run functions one call at a time, so that a test decides their order and the outcome of every call.

Each invocation runs the real handler in a thread of its own. It pauses before every call of DynamoDB (moto,
in this process), of the @connections API and of sleep, until the test resumes it.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any, NamedTuple

from botocore import xform_name
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.management_api import client_error

DEADLOCK_S = 300  # far more than one step takes, however busy the machine is


class Outcome(StrEnum):
    """The outcome of a call."""

    SUCCESS = "success"
    FAILURE = "failure"  # DynamoDB closes the connection, API Gateway responds with 429; nothing is applied
    RESPONSE_LOST = "response lost"  # the call is applied, and the function does not know
    KILLED_BEFORE = "function killed before the call"
    KILLED_AFTER = "function killed after the call"
    # Of calls of DynamoDB that `Scheduler.may_be_late` accepts; other calls succeed, or fail if LATE.
    REPEATED = "applied, and again by the SDK's retry, whose response the function gets"
    DUPLICATED = "applied, and the SDK's first try arrives later"
    LATE = "failed, and applied later"
    KILLED_LATE = "function killed, and the call applied later"


class Request(NamedTuple):
    """A call of DynamoDB as `table:operation`, and a function that applies it and ignores its response."""

    call: str
    apply: Callable[[], None]


class Killed(BaseException):
    """The function's process ends: no error handler makes another call."""


class Invocation:
    """One invocation of a function. `next_call` names the call before which it pauses, None at the end."""

    def __init__(
        self,
        scheduler: "Scheduler",
        name: str,
        function: Callable[[], Any],
        *,
        timeout_ms: int,
        clock_skew_ms: int,
    ) -> None:
        self.name = name
        self.next_call: str | None = "start"
        self.response: Any = None
        self.killed = False
        self.deadline = scheduler.now + timeout_ms
        self.sleeps_until = scheduler.now
        self.clock_skew_ms = clock_skew_ms
        self.outcome = Outcome.SUCCESS
        self.request = Request("", lambda: None)
        self._scheduler = scheduler
        self._function = function
        self._resumed = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def ended(self) -> bool:
        """Whether the function has returned or was killed."""
        return self.next_call is None

    def resume(self, outcome: Outcome) -> None:
        """Run from the call before which it pauses, with this outcome, up to the next call or the end."""
        self.outcome = outcome
        self._scheduler.running = self
        self._resumed.release()
        assert self._paused.acquire(timeout=DEADLOCK_S), f"{self.name} is deadlocked"
        self._scheduler.running = None

    def pause_before(self, call: str) -> None:
        """Wait until the test resumes the invocation. Raises Killed."""
        if self.killed:
            raise Killed
        self.next_call = call
        self._paused.release()
        self._resumed.acquire()
        self._kill_if(Outcome.KILLED_BEFORE)

    def end_call(self) -> None:
        """Apply the outcome after the call was applied. Raises Killed."""
        self._kill_if(Outcome.KILLED_AFTER)

    def be_killed_late(self) -> None:
        """Raise Killed if the function is killed while its call is on the way."""
        self._kill_if(Outcome.KILLED_LATE)

    def _kill_if(self, outcome: Outcome) -> None:
        if self.outcome is outcome:
            self.killed = True
            raise Killed

    def _run(self) -> None:
        self._resumed.acquire()
        try:
            self.killed = self.outcome in (Outcome.KILLED_BEFORE, Outcome.KILLED_AFTER)
            if not self.killed:
                self.response = self._function()
        except Killed:
            self.killed = True
        finally:
            self.next_call = None
            self._paused.release()


class Scheduler:
    """The clock, the invocations that have not ended, and the calls that are late. Times are epoch ms.

    Functions take their clock, their remaining time and their sleep from here.
    """

    STEP_MS = 7

    def __init__(self, now: int) -> None:
        self.now = now
        self.running: Invocation | None = None
        self.invocations: list[Invocation] = []
        self.late: list[Request] = []
        self.may_be_late: Callable[[str], bool] = lambda call: False  # by `table:operation`

    def clock(self) -> int:
        """Return the time as the running function's machine has it."""
        return self.now + (self.running.clock_skew_ms if self.running else 0)

    def remaining_ms(self) -> int:
        """Return the milliseconds until Lambda kills the running function."""
        assert self.running
        return self.running.deadline - self.now

    def sleep(self, seconds: float) -> None:
        """Pause the running function for at least this time."""
        assert self.running
        self.running.sleeps_until = self.now + round(seconds * 1000)
        self.running.pause_before("sleep")

    def invoke(
        self, name: str, function: Callable[[], Any], *, timeout_ms: int, clock_skew_ms: int = 0
    ) -> Invocation:
        """Start an invocation, which pauses at once."""
        invocation = Invocation(self, name, function, timeout_ms=timeout_ms, clock_skew_ms=clock_skew_ms)
        self.invocations.append(invocation)
        return invocation

    def resume(self, invocation: Invocation, outcome: Outcome = Outcome.SUCCESS) -> None:
        """Advance the clock, kill the invocations that time out, and resume this one unless it was killed."""
        self.advance(max(self.STEP_MS, invocation.sleeps_until - self.now))
        if not invocation.ended:
            invocation.resume(outcome)
        self._drop_ended()

    def advance(self, ms: int) -> None:
        """Advance the clock, and kill the invocations that time out."""
        self.now += ms
        for invocation in self.invocations:
            if self.now >= invocation.deadline:
                invocation.resume(Outcome.KILLED_BEFORE)
        self._drop_ended()

    def intercept(self, client: Any) -> None:
        """Pause before every call of this DynamoDB client, and give it its outcome."""
        self._client = client
        client.meta.events.register("provide-client-params.dynamodb", self._record_request)
        client.meta.events.register("before-call.dynamodb", self._before_dynamodb)
        client.meta.events.register("after-call.dynamodb", self._after_dynamodb)

    def stop_intercepting(self, client: Any) -> None:
        """Leave the calls of the client alone."""
        client.meta.events.unregister("provide-client-params.dynamodb", self._record_request)
        client.meta.events.unregister("before-call.dynamodb", self._before_dynamodb)
        client.meta.events.unregister("after-call.dynamodb", self._after_dynamodb)

    def before_management_api(self, operation: str, connection_id: str) -> None:
        """Pause before a call of @connections, and give it its outcome."""
        if self.running:
            self.running.pause_before(f"{operation} {connection_id}")
            if self.running.outcome in (Outcome.FAILURE, Outcome.LATE):
                raise client_error(429)

    def after_management_api(self, _operation: str, _connection_id: str) -> None:
        """Lose the response to a call of @connections if that is its outcome."""
        if self.running:
            self.running.end_call()
            if self.running.outcome is Outcome.RESPONSE_LOST:
                raise ConnectionClosedError(endpoint_url="@connections")

    def deliver(self, request: Request) -> None:
        """Apply a call that is late."""
        self.late.remove(request)
        request.apply()

    def _record_request(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if self.running:
            call, arguments = getattr(self._client, xform_name(model.name)), dict(params)

            def apply() -> None:
                running, self.running = self.running, None
                try:
                    with suppress(ClientError):
                        call(**arguments)
                finally:
                    self.running = running

            self.running.request = Request(f"{params.get('TableName')}:{model.name}", apply)

    def _before_dynamodb(self, model: Any, **_: Any) -> None:
        if self.running:
            self.running.pause_before(model.name)
            outcome, request = self.running.outcome, self.running.request
            if self.may_be_late(request.call):
                if outcome is Outcome.REPEATED:
                    request.apply()
                if outcome in (Outcome.DUPLICATED, Outcome.LATE, Outcome.KILLED_LATE):
                    self.late.append(request)
                self.running.be_killed_late()
            if outcome in (Outcome.FAILURE, Outcome.LATE):
                raise ConnectionClosedError(endpoint_url="dynamodb")

    def _after_dynamodb(self, **_: Any) -> None:
        if self.running:
            self.running.end_call()
            if self.running.outcome is Outcome.RESPONSE_LOST:
                raise ConnectionClosedError(endpoint_url="dynamodb")

    def _drop_ended(self) -> None:
        self.invocations = [invocation for invocation in self.invocations if not invocation.ended]
