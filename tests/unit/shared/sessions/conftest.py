"""The use cases over a store in memory, with a clock that the tests set and no random numbers."""

import pytest

from shared.sessions.session import Session
from tests.support.clock import Clock
from tests.support.memory_stores import MemoryKeys, MemoryRateLimits
from tests.support.sessions import a_session
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases, a_limit


@pytest.fixture
def store() -> RecordedSessions:
    return RecordedSessions()


@pytest.fixture
def metrics() -> RecordedMetrics:
    return RecordedMetrics()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(store: RecordedSessions) -> MemoryKeys:
    return MemoryKeys(store)


@pytest.fixture
def uses() -> MemoryRateLimits:
    return MemoryRateLimits()


@pytest.fixture
def use_cases(
    store: RecordedSessions,
    keys: MemoryKeys,
    uses: MemoryRateLimits,
    metrics: RecordedMetrics,
    clock: Clock,
) -> SessionUseCases:
    """Return the use cases, with a limit of 50; they try the ids of the numbers 0, 1, 2, 3 and 4.

    Waiting advances the clock.
    """

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    return SessionUseCases(
        store,
        metrics,
        clock,
        keys=keys,
        limit=a_limit(clock, 50, store=uses),
        draw=lambda attempt, _n: attempt,
        sleep=sleep,
    )


@pytest.fixture
def session(store: RecordedSessions) -> Session:
    """Return Alice's active session, which is in the store."""
    session = a_session()
    store.rows[session.id] = session
    return session
