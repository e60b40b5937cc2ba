"""TranslateCaptions over stores in memory, with a translator and a gateway that tests control."""

from collections.abc import Iterable
from concurrent.futures import Executor

from shared.audience.connection import Connection, SessionRef
from shared.captions.caption import Caption, StoredCaption
from shared.captions.translate import TranslateCaptions
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language, Session
from tests.support.memory_stores import MemoryCaptionHistory
from tests.support.sessions import NOW, a_session
from tests.support.use_case_harness import UseCaseHarness

AFTER_HANDSHAKE = NOW + 20_000  # of connections that joined at NOW


class Killed(BaseException):
    """The function's process ends: no error handler makes another call."""


class CaptionHarness(UseCaseHarness):
    """The use case of one or more sessions. This is also the translator and the metrics.

    Its calls have names such as `translate es`, `post listener`, `add` and `set_delivered`.
    """

    def __init__(
        self,
        *rows: Connection,
        sessions: Iterable[Session] = (a_session(),),
        now: int = AFTER_HANDSHAKE,
        max_languages: int = 19,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(rows, sessions, now, executor)
        self.history = MemoryCaptionHistory()
        self.handled: list[dict[str, int]] = []
        self.translate_captions = TranslateCaptions(
            self.recorded(self.sessions),
            self.recorded(self.connections),
            self.recorded(self.history),
            self,
            self.delivery(),
            self,
            self.executor,
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

    def translate(self, text: str, *, source: Language, target: Language) -> str | None:
        try:
            translated: str = self.call(f"translate {target}", lambda: f"[{source}-{target}] {text}")
        except ServiceUnavailable:
            return None
        return translated

    def caption_handled(self, **figures: int) -> None:
        self.handled.append(figures)
