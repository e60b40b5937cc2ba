"""A chain of steps, and the exchange that passes through it."""

import abc
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from scripts.local.lambda_.invocation import Result


@dataclass(eq=False)
class GatewayError(Exception):
    """API Gateway answers with this status itself. `cause` is written to the access log only."""

    status: int
    message: str = ""
    error_type: str = ""
    cause: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Exchange(abc.ABC):
    """One request, message or disconnect: what is known of it so far, and the response once there is one.

    `at` is in epoch seconds. `log` has the `$context` variables of the access log that a step adds.
    """

    id: str
    at: float
    route: Any = field(init=False, default=None)
    event: dict[str, Any] = field(init=False)
    result: Result = field(init=False)
    response: Any = field(init=False, default=None)
    trace_id: str = field(init=False, default="")
    log: dict[str, object] = field(init=False, default_factory=dict)

    @abc.abstractmethod
    def fail(self, error: GatewayError) -> None:
        """Answer with an error."""

    @abc.abstractmethod
    def log_variables(self, now: float) -> dict[str, object]:
        """Return the `$context` variables of the access log; `now` in epoch seconds."""


E = TypeVar("E", bound=Exchange)
Step = Callable[[E], Awaitable[None]]


class Chain(Generic[E]):
    """Steps in the order in which they run."""

    def __init__(self, *steps: Step[E], always: tuple[Step[E], ...]) -> None:
        self._steps = steps
        self._always = always

    async def run(self, exchange: E) -> None:
        """Run the steps until one sets the response or raises GatewayError, and then those in `always`."""
        try:
            for step in self._steps:
                await step(exchange)
                if exchange.response is not None:
                    break
        except GatewayError as error:
            exchange.log["status"] = error.status
            if error.message:
                exchange.log["error.responseType"] = error.message.upper().replace(" ", "_")
            if error.cause:
                # The first is a variable of both kinds of API, the second of HTTP APIs only.
                exchange.log["integration.error"] = exchange.log["integrationErrorMessage"] = error.cause
            exchange.fail(error)
        for step in self._always:
            await step(exchange)
