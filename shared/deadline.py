"""The time that an invocation may use for calls of AWS, so that it always answers before its own timeout."""

from collections.abc import Callable

from shared.errors import ServiceUnavailable

# A function has 10 s. A request that begins within this time takes at most 3 s more, and botocore waits at
# most 1 s before it would send the next one: see DEFAULT_CONFIG in shared/aws/dynamodb.py.
BUDGET_MS = 5500


class Deadline:
    """The end of `budget_ms` milliseconds from the last `start`. `clock` returns epoch milliseconds."""

    def __init__(self, clock: Callable[[], int], budget_ms: int = BUDGET_MS) -> None:
        self._clock = clock
        self._budget_ms = budget_ms
        self.start()

    def start(self) -> None:
        """Begin the time anew: call it at the beginning of each invocation."""
        self._ends_at = self._clock() + self._budget_ms

    def check(self, **_: object) -> None:
        """Raise ServiceUnavailable if the time is over. It takes the arguments of botocore's events."""
        if self._clock() > self._ends_at:
            raise ServiceUnavailable
