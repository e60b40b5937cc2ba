"""Rate limits: at most so many uses in each clock hour or minute."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from shared.errors import RateLimited, ServiceUnavailable

HOUR_S = 60 * 60
MINUTE_S = 60


class UseStore(Protocol):
    """The store of use counts."""

    def take(self, key: str, limit: int, expires_at: int) -> bool:
        """Count one use in one atomic write; return False if `limit` uses are counted already.

        The count is deleted some time after `expires_at` (epoch seconds). Raises ServiceUnavailable when the
        store fails for whatever reason.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `limit` uses of `name` per user in each window of `window_s` seconds; 0 turns the limit off.

    `clock` returns epoch milliseconds. `on_unavailable` is called when the store fails: the use is then
    allowed and not counted, because serving people matters more than the limit.
    """

    name: str
    limit: int
    window_s: int
    store: UseStore
    clock: Callable[[], int]
    on_unavailable: Callable[[], None]

    def take(self, user: str) -> None:
        """Count one use. Raises RateLimited."""
        if not self.limit:
            return
        now_s = self.clock() // 1000
        window = now_s // self.window_s
        window_end_s = (window + 1) * self.window_s
        try:
            allowed = self.store.take(f"{self.name}#{user}#{window}", self.limit, window_end_s)
        except ServiceUnavailable:
            self.on_unavailable()
            return
        if not allowed:
            raise RateLimited(window_end_s - now_s)
