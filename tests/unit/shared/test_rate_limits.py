"""How often somebody may do something, to the very edge of a window."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from shared.errors import RateLimited, ServiceUnavailable
from shared.rate_limits import RateLimit
from tests.support.memory_stores import MemoryRateLimits

HOUR_S = 3600
STARTS = 1_784_919_600  # on the hour
NOT_CALLED: Callable[[], None] = lambda: pytest.fail("the limit is available")  # noqa: E731


class Clock:
    """Shows what it is set to, epoch ms."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def a_limit(
    store: MemoryRateLimits, clock: Clock, limit: int = 2, window_s: int = HOUR_S, name: str = "sessions"
) -> RateLimit:
    return RateLimit(
        name=name, limit=limit, window_s=window_s, store=store, clock=clock, on_unavailable=NOT_CALLED
    )


def test_as_many_as_the_limit_and_not_one_more():
    limit = a_limit(MemoryRateLimits(), Clock(STARTS * 1000))
    limit.take("alice")
    limit.take("alice")

    with pytest.raises(RateLimited):
        limit.take("alice")


def test_each_has_a_limit_of_their_own():
    limit = a_limit(MemoryRateLimits(), Clock(STARTS * 1000), limit=1)
    limit.take("alice")

    limit.take("bob")

    with pytest.raises(RateLimited):
        limit.take("bob")


def test_each_limit_counts_for_itself():
    store, clock = MemoryRateLimits(), Clock(STARTS * 1000)
    a_limit(store, clock, limit=1, name="joins").take("alice")

    a_limit(store, clock, limit=1, name="sessions").take("alice")

    assert len(store.uses) == 2


@pytest.mark.parametrize(
    ("ms", "seconds_to_wait"),
    [(0, 3600), (999, 3600), (1000, 3599), (1800_000, 1800), (3599_000, 1), (3599_999, 1)],
)
def test_whoever_is_refused_is_told_when_the_window_is_over(ms: int, seconds_to_wait: int):
    clock = Clock(STARTS * 1000 + ms)
    limit = a_limit(MemoryRateLimits(), clock, limit=1)
    limit.take("alice")

    with pytest.raises(RateLimited) as refused:
        limit.take("alice")

    assert refused.value.retry_after_s == seconds_to_wait
    clock.now += seconds_to_wait * 1000
    limit.take("alice")


def test_the_last_millisecond_of_a_window_is_in_it_and_the_next_is_not():
    clock = Clock(STARTS * 1000 + 3599_999)
    limit = a_limit(MemoryRateLimits(), clock, limit=1)
    limit.take("alice")
    clock.now += 1

    limit.take("alice")

    with pytest.raises(RateLimited):
        limit.take("alice")


@pytest.mark.parametrize("window_s", [60, HOUR_S])
def test_uses_are_forgotten_when_their_window_is_over(window_s: int):
    store = MemoryRateLimits()

    a_limit(store, Clock((STARTS + 59) * 1000), window_s=window_s).take("alice")

    assert list(store.expires_at.values()) == [STARTS + window_s]


def test_a_limit_of_0_is_none_and_asks_nobody():
    store = MemoryRateLimits()
    limit = a_limit(store, Clock(STARTS * 1000), limit=0)

    for _ in range(1000):
        limit.take("alice")

    assert store.uses == {}


def test_when_the_uses_cannot_be_counted_people_are_let_in_and_it_is_said():
    class Down:
        def take(self, key: str, limit: int, expires_at: int) -> bool:
            raise ServiceUnavailable

    said: list[str] = []
    limit = replace(
        a_limit(MemoryRateLimits(), Clock(STARTS * 1000), limit=1),
        store=Down(),
        on_unavailable=lambda: said.append("down"),
    )

    limit.take("alice")
    limit.take("alice")

    assert said == ["down", "down"]
