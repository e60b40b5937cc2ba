"""What the harnesses of captions and of voice have in common: stores in memory, a gateway, recorded calls."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from shared.audience.connection import Connection
from shared.audience.delivery import Delivery
from shared.sessions.session import Session
from tests.support.executors import SequentialExecutor
from tests.support.memory_stores import MemoryConnections, MemorySessions


class UseCaseHarness:
    """Stores of a use case that sends to an audience. This is also its gateway.

    `before` and `after` are called with the name of each call (`of_session`, `post listener`, ...); `before`
    may raise the call's exception. Sleeping advances the clock.
    """

    def __init__(
        self, rows: Iterable[Connection], sessions: Iterable[Session], now: int, executor: Executor | None
    ) -> None:
        self.now = now
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self.on_sleep: Callable[[], None] = lambda: None
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.connections = MemoryConnections(*rows)
        self.open = {row.id for row in self.connections.rows.values()}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.executor = executor or SequentialExecutor()
        self._lock = threading.Lock()

    def delivery(self) -> Delivery:
        """Return a Delivery to the connections, by this gateway."""
        return Delivery(self.recorded(self.connections), self, self.executor, lambda: self.now, self.sleep)

    def recorded(self, store: object) -> Any:
        """Return the store; each call of it is one of this harness's calls."""
        return _Calls(self, store)

    def called(self, prefix: str) -> list[str]:
        """Return the calls whose name begins so, in order."""
        return [call for call in self.calls if call.startswith(prefix)]

    def post(self, connection_id: str, message: Mapping[str, object] | bytes) -> bool:
        def post() -> bool:
            assert isinstance(message, bytes), "a message is encoded once for a language"
            if connection_id not in self.open:
                return False
            with self._lock:
                self.messages.setdefault(connection_id, []).append(json.loads(message))
            return True

        return self.call(f"post {connection_id}", post)

    def close(self, connection_id: str) -> None:
        raise AssertionError("this use case closes no connection")

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.on_sleep()

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append(name)
        self.before(name)
        result = function()
        self.after(name)
        return result


class _Calls:
    def __init__(self, harness: UseCaseHarness, store: object) -> None:
        self._harness = harness
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        return lambda *args, **kwargs: self._harness.call(name, lambda: method(*args, **kwargs))
