"""The use cases over a store in memory, with a clock that the tests set and no random numbers."""

import pytest

from shared.sessions.session import Session
from tests.support.clock import Clock
from tests.support.sessions import a_session
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases


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
def use_cases(store: RecordedSessions, metrics: RecordedMetrics, clock: Clock) -> SessionUseCases:
    """Return the use cases; without a key they try the ids of the numbers 0, 1, 2, 3 and 4."""
    return SessionUseCases(store, metrics, clock, draw=lambda attempt, _n: attempt)


@pytest.fixture
def session(store: RecordedSessions) -> Session:
    """Return Alice's active session, which is in the store."""
    session = a_session()
    store.rows[session.id] = session
    return session
