"""Token buckets, as API Gateway throttles: a burst at once, then a steady rate; totals, not per caller."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scripts.local.config.routes import Throttle


class TokenBucket:
    """Lets `burst` requests through at once and `rate` per second after; `clock` gives seconds."""

    def __init__(self, limit: "Throttle", clock: Callable[[], float]) -> None:
        self._limit = limit
        self._clock = clock
        self._tokens = float(limit.burst)
        self._filled_at = clock()

    def take(self) -> bool:
        """Take one token; False when there is none."""
        now = self._clock()
        self._tokens = min(self._limit.burst, self._tokens + (now - self._filled_at) * self._limit.rate)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
