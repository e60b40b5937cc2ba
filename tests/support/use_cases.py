"""The use cases of a single session over one store, for tests that need several of them."""

from collections.abc import Callable

from shared.sessions import ids
from shared.sessions.create import CreateSession
from shared.sessions.delete import DeleteSession
from shared.sessions.get import GetSession
from shared.sessions.ports import SessionMetrics, SessionStore
from shared.sessions.update import UpdateSession


class SessionUseCases:
    """The use cases create, get, update and delete, composed as in their handlers."""

    def __init__(
        self,
        store: SessionStore,
        metrics: SessionMetrics,
        clock: Callable[[], int],
        *,
        digits: int = 3,
        draw: ids.Draw = ids.draw_at_random,
    ) -> None:
        self.create = CreateSession(store, metrics, clock, digits=digits, draw=draw)
        self.get = GetSession(store, clock)
        self.update = UpdateSession(store, metrics, clock)
        self.delete = DeleteSession(store, metrics, clock)
