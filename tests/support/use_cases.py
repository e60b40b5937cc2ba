"""The use cases of a single session over one store, and records of how they use store and metrics."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.deadline import Deadline
from shared.errors import NotOwner, SessionNotFound, VersionMismatch
from shared.rate_limits import HOUR_S, RateLimit
from shared.sessions import ids
from shared.sessions.create import CreateSession
from shared.sessions.delete import DeleteSession
from shared.sessions.get import GetSession
from shared.sessions.ports import KeyStore, SessionMetrics, SessionStore
from shared.sessions.session import Session
from shared.sessions.update import UpdateSession
from tests.support.memory_stores import MemoryKeys, MemoryRateLimits, MemorySessions
from tests.support.sessions import ALICE, BOB

DAY_S = 24 * 60 * 60


def a_limit(clock: Callable[[], int], limit: int = 0, **fields: Any) -> RateLimit:
    """Return the limit of sessions per speaker and hour; 0 turns it off."""
    return RateLimit(
        **{
            "name": "sessions",
            "limit": limit,
            "window_s": HOUR_S,
            "store": MemoryRateLimits(),
            "clock": clock,
            "on_unavailable": lambda: None,
            **fields,
        }
    )


class SessionUseCases:
    """The use cases create, get, update and delete, composed as in their handlers.

    Keys are in memory and the rate limit is off, unless they are given.
    """

    def __init__(
        self,
        store: SessionStore,
        metrics: SessionMetrics,
        clock: Callable[[], int],
        *,
        keys: KeyStore | None = None,
        limit: RateLimit | None = None,
        digits: int = 3,
        max_listeners: int = 500,
        draw: ids.Draw = ids.draw_at_random,
        sleep: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.create = CreateSession(
            store,
            keys or MemoryKeys(store),
            limit or a_limit(clock),
            metrics,
            clock,
            Deadline(clock),
            digits=digits,
            max_listeners=max_listeners,
            draw=draw,
            sleep=sleep,
        )
        self.get = GetSession(store, clock)
        self.update = UpdateSession(store, metrics, clock)
        self.delete = DeleteSession(store, metrics, clock)


class RecordedSessions(MemorySessions):
    """A store in memory that lists the names of the methods called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def add(self, *args: Any, **kwargs: Any) -> Any:
        self.calls.append("add")
        return super().add(*args, **kwargs)

    def get(self, session_id: str) -> Session | None:
        self.calls.append("get")
        return super().get(session_id)

    def update(self, *args: Any) -> Any:
        self.calls.append("update")
        return super().update(*args)


class RecordedMetrics:
    """Lists the metrics counted, and the sessions that they were counted for."""

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.sessions: list[Session] = []

    def session_created(self, session: Session) -> None:
        self.counted.append("created")
        self.sessions.append(session)

    def session_ended(self, session: Session) -> None:
        self.counted.append("ended")
        self.sessions.append(session)

    def session_id_clash(self) -> None:
        self.counted.append("clash")


refused_writes = pytest.mark.parametrize(
    ("speaker", "versions", "age_s", "refusal"),
    [
        (BOB, None, 0, NotOwner),
        (ALICE, frozenset({1}), 0, VersionMismatch),
        (ALICE, frozenset[int](), 0, VersionMismatch),
        (ALICE, None, DAY_S, SessionNotFound),
    ],
    ids=["another speaker", "another version", "no version", "expired"],
)
"""Refused updates and deletes of Alice's session: caller, accepted versions, age of the session."""
