"""TranslateCaptions over stores in memory, with a translator and a gateway that tests control."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from shared.audience.connection import Connection, SessionRef
from shared.audience.delivery import Delivery
from shared.captions.caption import Caption, StoredCaption
from shared.captions.translate import TranslateCaptions
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language, Session
from tests.support.executors import SequentialExecutor
from tests.support.memory_stores import MemoryCaptionHistory, MemoryConnections, MemorySessions
from tests.support.sessions import NOW, a_session

AFTER_HANDSHAKE = NOW + 20_000  # of connections that joined at NOW


class Killed(BaseException):
    """The function's process ends: no error handler makes another call."""


class CaptionHarness:
    """The use case of one or more sessions. This is also the translator, the gateway and the metrics.

    `before` and `after` are called with the name of each call of a store, the translator or the gateway
    (`translate es`, `post listener`, `add`, `set_delivered`, ...); `before` may raise the call's exception.
    Sleeping advances the clock.
    """

    def __init__(
        self,
        *rows: Connection,
        sessions: Iterable[Session] = (a_session(),),
        now: int = AFTER_HANDSHAKE,
        max_languages: int = 19,
        executor: Executor | None = None,
    ) -> None:
        self.now = now
        self.calls: list[str] = []
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self.on_sleep: Callable[[], None] = lambda: None
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.connections = MemoryConnections(*rows)
        self.history = MemoryCaptionHistory()
        self.open = {row.id for row in rows}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.handled: list[dict[str, int]] = []
        self._lock = threading.Lock()
        executor = executor or SequentialExecutor()
        connections: Any = _Calls(self, self.connections)
        self.translate_captions = TranslateCaptions(
            _Calls(self, self.sessions),  # type: ignore[arg-type]
            connections,
            _Calls(self, self.history),  # type: ignore[arg-type]
            self,
            Delivery(connections, self, executor, lambda: self.now, self.sleep),
            self,
            executor,
            lambda: self.now,
            max_languages=max_languages,
        )

    def handle(self, *captions: Caption, time_left: int = 60_000) -> None:
        """Handle successive captions of one session; `time_left` is the milliseconds available."""
        deadline = self.now + time_left
        self.translate_captions(captions, time_left=lambda: deadline - self.now)

    def texts(self, connection_id: str) -> list[str]:
        """Return the texts that a connection was sent, in order."""
        return [message["text"] for message in self.messages.get(connection_id, [])]

    def sequences(self, connection_id: str) -> list[int]:
        return [message["sequence"] for message in self.messages.get(connection_id, [])]

    def stored(self, sequence: int = 1, session: SessionRef | None = None) -> StoredCaption:
        return self.history.rows[session or SessionRef("blessed-shepherd-427", NOW), sequence]

    def called(self, prefix: str) -> list[str]:
        """Return the calls whose name begins so, in order."""
        return [call for call in self.calls if call.startswith(prefix)]

    # the translator, the gateway and the metrics

    def translate(self, text: str, *, source: Language, target: Language) -> str | None:
        try:
            return self.call(f"translate {target}", lambda: f"[{source}-{target}] {text}")
        except ServiceUnavailable:
            return None

    def post(self, connection_id: str, message: Mapping[str, object] | bytes) -> bool:
        def post() -> bool:
            assert isinstance(message, bytes), "a caption is encoded once for a language"
            if connection_id not in self.open:
                return False
            with self._lock:
                self.messages.setdefault(connection_id, []).append(json.loads(message))
            return True

        return self.call(f"post {connection_id}", post)

    def close(self, connection_id: str) -> None:
        raise AssertionError("translate_captions closes no connection")

    def caption_handled(self, **figures: int) -> None:
        self.handled.append(figures)

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
    """Makes each call of a store one of the harness's calls."""

    def __init__(self, harness: CaptionHarness, store: object) -> None:
        self._harness = harness
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        return lambda *args, **kwargs: self._harness.call(name, lambda: method(*args, **kwargs))
