"""How often somebody may do something: so many times in each hour or minute of the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.errors import RateLimited, TryAgainLater


class LimitStore(Protocol):
    """Where uses are counted."""

    def take(self, key: str, limit: int, expires_at: int) -> bool:
        """Count one use, unless there were `limit` of them already; forget them after `expires_at` (epoch s).

        One atomic write. Raises TryAgainLater, and whatever else a broken table makes of it.
        """


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `limit` uses of `name` by one user in each window of `window_s` seconds; 0 turns it off.

    `unavailable` is called when the uses cannot be counted: people matter more than the limit.
    """

    name: str
    limit: int
    window_s: int
    store: LimitStore
    clock: Callable[[], int]
    unavailable: Callable[[], None]

    def take(self, user: str) -> None:
        """Count one use. Raises RateLimited."""
        if not self.limit:
            return
        now = self.clock() // 1000
        window = now // self.window_s
        ends = (window + 1) * self.window_s
        try:
            taken = self.store.take(f"{self.name}#{user}#{window}", self.limit, ends)
        except TryAgainLater:
            self.unavailable()
            return
        if not taken:
            raise RateLimited(ends - now)
