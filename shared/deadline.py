"""The time that an invocation has for its calls of AWS, so that it answers before it times out."""

from collections.abc import Callable

from shared.errors import ServiceUnavailable

# Of the function's 10 s. A request that begins just before the end takes 3 s at most, and the SDK then waits
# up to 1 s before it finds that there is no time for a retry: see DEFAULT_CONFIG in shared/aws/dynamodb.py.
BUDGET_MS = 5500


class Deadline:
    """No call of AWS begins later than `budget_ms` after the start. `clock` returns epoch milliseconds."""

    def __init__(self, clock: Callable[[], int], budget_ms: int = BUDGET_MS) -> None:
        self._clock = clock
        self._budget_ms = budget_ms
        self._ends_at: int | None = None

    def start(self) -> None:
        """Begin the time of an invocation."""
        self._ends_at = self._clock() + self._budget_ms

    def check(self, **_: object) -> None:
        """Raise ServiceUnavailable when the time is over; nothing is over before the first start.

        It is a handler of botocore's event `before-send`, which precedes each HTTP request, also a retry's.
        """
        if self._ends_at is not None and self._clock() >= self._ends_at:
            raise ServiceUnavailable
