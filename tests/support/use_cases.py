"""The use cases of a single session over one store, and records of how they use store and metrics."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.errors import NotOwner, SessionNotFound, VersionMismatch
from shared.sessions import ids
from shared.sessions.create import CreateSession
from shared.sessions.delete import DeleteSession
from shared.sessions.get import GetSession
from shared.sessions.ports import SessionMetrics, SessionStore
from shared.sessions.session import Session
from shared.sessions.update import UpdateSession
from tests.support.memory_stores import MemorySessions
from tests.support.sessions import ALICE, BOB

DAY_S = 24 * 60 * 60


class SessionUseCases:
    """The use cases create, get, update and delete, composed as in their handlers."""

    def __init__(
        self,
        store: SessionStore,
        metrics: SessionMetrics,
        clock: Callable[[], int],
        *,
        digits: int = 3,
        max_listeners: int = 500,
        draw: ids.Draw = ids.draw_at_random,
    ) -> None:
        self.create = CreateSession(
            store, metrics, clock, digits=digits, max_listeners=max_listeners, draw=draw
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
