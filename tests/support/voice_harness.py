"""SpeakCaptions over stores in memory; tests control the synthesizer, the voices and the gateway."""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

from shared.audience.connection import Connection
from shared.audience.delivery import Delivery
from shared.captions.caption import Caption, StoredCaption
from shared.captions.speak import SpeakCaptions
from shared.sessions.session import Language, QualityTier, Session
from tests.support.captions import a_caption
from tests.support.executors import SequentialExecutor
from tests.support.memory_stores import MemoryConnections, MemorySessions
from tests.support.sessions import NOW, a_session


def a_spoken_caption(sequence: int = 1, *languages: str, **overrides: Any) -> StoredCaption:
    """Return a caption that has been delivered at NOW, translated into these languages (es), to be spoken."""
    caption = a_caption(sequence, **overrides)
    texts = {Language(language): f"[{language}] {caption.text}" for language in languages or ("es",)}
    return StoredCaption(caption=caption, translations=texts, delivered_at=NOW, voice=True)


class VoiceHarness:
    """The use case of one or more sessions, and also its synthesizer, voices, gateway and metrics.

    `before` and `after` are called with the name of each call of a store, the synthesizer or the gateway
    (`synthesize es Sentence 1.`, `add es`, `post listener`, `of_session`, ...); `before` may raise the call's
    exception, and what is in `failing` returns nothing. Sleeping advances the clock.
    """

    def __init__(
        self,
        *rows: Connection,
        sessions: Iterable[Session] = (a_session(quality_tier=QualityTier.PREMIUM),),
        now: int = NOW + 1000,
        executor: Executor | None = None,
    ) -> None:
        self.now = now
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self.before: Callable[[str], None] = lambda call: None
        self.after: Callable[[str], None] = lambda call: None
        self.sessions = MemorySessions()
        self.sessions.rows = {session.id: session for session in sessions}
        self.connections = MemoryConnections(*rows)
        self.open = {row.id for row in rows}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.counted: list[dict[str, int]] = []
        self._lock = threading.Lock()
        connections: Any = _Calls(self, self.connections)
        posts = executor or SequentialExecutor()
        self.speak_captions = SpeakCaptions(
            _Calls(self, self.sessions),  # type: ignore[arg-type]
            connections,
            self,
            self,
            Delivery(connections, self, posts, lambda: self.now, self.sleep),
            self,
            executor or SequentialExecutor(),
            lambda: self.now,
        )

    def handle(self, *captions: StoredCaption) -> None:
        """Speak successive captions of one session."""
        self.speak_captions(captions)

    def heard(self, connection_id: str) -> list[tuple[int, str]]:
        """Return the sequence and language of each voice that a connection was sent, in order."""
        messages = self.messages.get(connection_id, [])
        return [(message["sequenceNumber"], message["targetLanguage"]) for message in messages]

    def called(self, prefix: str) -> list[str]:
        """Return the calls whose name begins so, in order."""
        return [call for call in self.calls if call.startswith(prefix)]

    # the synthesizer, the voices, the gateway and the metrics

    def synthesize(self, text: str, language: Language) -> bytes | None:
        return self.call(f"synthesize {language} {text}", lambda: f"{language}: {text}".encode())

    def add(self, caption: Caption, language: Language, audio: bytes) -> str | None:
        url = f"https://voice.example.com/{caption.session.id}/{caption.sequence}/{language}.mp3"
        return self.call(f"add {language} {audio.decode()}", lambda: url)

    def post(self, connection_id: str, message: Mapping[str, object] | bytes) -> bool:
        def post() -> bool:
            assert isinstance(message, bytes), "a voice is encoded once for a language"
            if connection_id not in self.open:
                return False
            with self._lock:
                self.messages.setdefault(connection_id, []).append(json.loads(message))
            return True

        return self.call(f"post {connection_id}", post)

    def close(self, connection_id: str) -> None:
        raise AssertionError("speak_captions closes no connection")

    def caption_spoken(self, **figures: int) -> None:
        self.counted.append(figures)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls.append(name)
        self.before(name)
        result = None if any(name.startswith(failing) for failing in self.failing) else function()
        self.after(name)
        return result


class _Calls:
    """Makes each call of a store one of the harness's calls."""

    def __init__(self, harness: VoiceHarness, store: object) -> None:
        self._harness = harness
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        return lambda *args, **kwargs: self._harness.call(name, lambda: method(*args, **kwargs))
