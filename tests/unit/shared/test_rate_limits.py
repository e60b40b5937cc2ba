"""Rate limits: at most so many uses per user and window, to the millisecond."""

from collections.abc import Callable

import pytest

from shared.errors import RateLimited, ServiceUnavailable
from shared.rate_limits import HOUR_S, MINUTE_S, RateLimit, UseStore
from tests.support.clock import Clock
from tests.support.memory_stores import MemoryRateLimits

FULL_HOUR_S = 1_784_919_600  # epoch seconds


def fail_test() -> None:
    pytest.fail("the store is available")


def a_limit(
    store: UseStore,
    clock: Clock,
    *,
    limit: int = 2,
    window_s: int = HOUR_S,
    name: str = "sessions",
    on_unavailable: Callable[[], None] = fail_test,
) -> RateLimit:
    return RateLimit(
        name=name, limit=limit, window_s=window_s, store=store, clock=clock, on_unavailable=on_unavailable
    )


@pytest.fixture
def store() -> MemoryRateLimits:
    return MemoryRateLimits()


@pytest.fixture
def clock() -> Clock:
    """Return a clock at the beginning of an hour."""
    return Clock(FULL_HOUR_S * 1000)


def test_the_use_after_the_limit_is_refused(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock)
    limit.take("alice")
    limit.take("alice")

    with pytest.raises(RateLimited):
        limit.take("alice")


def test_each_user_has_their_own_limit(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock, limit=1)
    limit.take("alice")

    limit.take("bob")

    with pytest.raises(RateLimited):
        limit.take("bob")


def test_limits_with_different_names_are_counted_separately(store: MemoryRateLimits, clock: Clock):
    a_limit(store, clock, limit=1, name="joins").take("alice")

    a_limit(store, clock, limit=1, name="sessions").take("alice")

    assert len(store.uses) == 2


def test_the_key_of_a_count_never_changes_between_releases(store: MemoryRateLimits, clock: Clock):
    a_limit(store, clock).take("alice")

    assert store.uses == {f"sessions#alice#{FULL_HOUR_S // HOUR_S}": 1}


@pytest.mark.parametrize(
    ("elapsed_ms", "seconds_to_wait"),
    [(0, 3600), (999, 3600), (1000, 3599), (1800_000, 1800), (3599_000, 1), (3599_999, 1)],
)
def test_a_refusal_has_the_seconds_until_the_next_window(
    store: MemoryRateLimits, clock: Clock, elapsed_ms: int, seconds_to_wait: int
):
    clock.now += elapsed_ms
    limit = a_limit(store, clock, limit=1)
    limit.take("alice")

    with pytest.raises(RateLimited) as error:
        limit.take("alice")

    assert error.value.retry_after_s == seconds_to_wait
    clock.now += seconds_to_wait * 1000
    limit.take("alice")


def test_a_window_ends_with_its_last_millisecond(store: MemoryRateLimits, clock: Clock):
    clock.now += 3599_999
    limit = a_limit(store, clock, limit=1)
    limit.take("alice")
    clock.now += 1

    limit.take("alice")

    with pytest.raises(RateLimited):
        limit.take("alice")


@pytest.mark.parametrize(("window_s", "expected_s"), [(MINUTE_S, 60), (HOUR_S, 3600)])
def test_a_count_expires_with_its_window(
    store: MemoryRateLimits, clock: Clock, window_s: int, expected_s: int
):
    clock.now += 59_000

    a_limit(store, clock, window_s=window_s).take("alice")

    assert list(store.expires_at.values()) == [FULL_HOUR_S + expected_s]


def test_a_limit_of_zero_is_off_and_counts_nothing(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock, limit=0)

    for _ in range(1000):
        limit.take("alice")

    assert store.uses == {}


def test_a_use_that_is_given_back_can_be_taken_again(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock, limit=1)

    for _ in range(50):
        limit.give_back(limit.take("alice"))

    limit.take("alice")
    with pytest.raises(RateLimited):
        limit.take("alice")


def test_a_use_is_given_back_in_the_window_in_which_it_was_counted(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock, limit=1)
    use = limit.take("alice")
    clock.now += HOUR_S * 1000
    limit.take("alice")

    limit.give_back(use)

    first, second = FULL_HOUR_S // HOUR_S, FULL_HOUR_S // HOUR_S + 1
    assert store.uses == {f"sessions#alice#{first}": 0, f"sessions#alice#{second}": 1}
    with pytest.raises(RateLimited):
        limit.take("alice")


def test_without_a_limit_nothing_is_given_back(store: MemoryRateLimits, clock: Clock):
    limit = a_limit(store, clock, limit=0)

    limit.give_back(limit.take("alice"))

    assert store.uses == {}


class UnavailableStore:
    def take(self, key: str, limit: int, expires_at: int) -> bool:
        raise ServiceUnavailable

    def give_back(self, key: str) -> None:
        raise ServiceUnavailable


def test_a_use_that_cannot_be_given_back_stays_counted_and_is_reported(clock: Clock):
    reports: list[str] = []
    limit = a_limit(UnavailableStore(), clock, on_unavailable=lambda: reports.append("unavailable"))

    limit.give_back("sessions#alice#1")

    assert reports == ["unavailable"]


def test_what_the_store_did_not_count_is_not_given_back(clock: Clock):
    reports: list[str] = []
    limit = a_limit(UnavailableStore(), clock, on_unavailable=lambda: reports.append("unavailable"))

    limit.give_back(limit.take("alice"))

    assert reports == ["unavailable"]


def test_uses_are_allowed_and_reported_while_the_store_is_unavailable(clock: Clock):
    reports: list[str] = []
    limit = a_limit(UnavailableStore(), clock, limit=1, on_unavailable=lambda: reports.append("unavailable"))

    limit.take("alice")
    limit.take("alice")

    assert reports == ["unavailable", "unavailable"]
