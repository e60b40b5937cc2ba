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

    def give_back(self, key: str) -> None:
        """Count one use less, if any is counted, in one atomic write. Raises ServiceUnavailable as `take`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `limit` uses of `name` per user in each window of `window_s` seconds; 0 turns the limit off.

    `clock` returns epoch milliseconds. `on_unavailable` is called when the store fails: a use is then allowed
    and not counted, because serving people matters more than the limit, or it stays counted.
    """

    name: str
    limit: int
    window_s: int
    store: UseStore
    clock: Callable[[], int]
    on_unavailable: Callable[[], None]

    def take(self, user: str) -> str | None:
        """Count one use; return what `give_back` takes. Raises RateLimited."""
        if not self.limit:
            return None
        now_s = self.clock() // 1000
        window = now_s // self.window_s
        window_end_s = (window + 1) * self.window_s
        key = f"{self.name}#{user}#{window}"
        try:
            allowed = self.store.take(key, self.limit, window_end_s)
        except ServiceUnavailable:
            self.on_unavailable()
            return None
        if not allowed:
            raise RateLimited(window_end_s - now_s)
        return key

    def give_back(self, use: str | None) -> None:
        """Count the use that `take` has returned no longer, in the window in which it was counted."""
        if use is None:
            return
        try:
            self.store.give_back(use)
        except ServiceUnavailable:
            self.on_unavailable()
