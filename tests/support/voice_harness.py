"""SpeakCaptions over stores in memory; tests control the synthesizer, the voices and the gateway."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from typing import Any

from shared.audience.connection import Connection
from shared.captions.caption import Caption, StoredCaption
from shared.captions.speak import SpeakCaptions
from shared.sessions.session import Language, QualityTier, Session
from tests.support.captions import a_caption
from tests.support.sessions import NOW, a_session
from tests.support.use_case_harness import UseCaseHarness


def a_spoken_caption(sequence: int = 1, *languages: str, **overrides: Any) -> StoredCaption:
    """Return a caption that has been delivered at NOW, translated into these languages (es), to be spoken."""
    caption = a_caption(sequence, **overrides)
    texts = {Language(language): f"[{language}] {caption.text}" for language in languages or ("es",)}
    return StoredCaption(caption=caption, translations=texts, delivered_at=NOW, voice=True)


class VoiceHarness(UseCaseHarness):
    """The use case of one or more sessions, and also its synthesizer, voices and metrics.

    Its calls have names such as `synthesize es Sentence 1.`, `add es`, `post listener` and `of_session`. What
    is in `failing` returns nothing.
    """

    def __init__(
        self,
        *rows: Connection,
        sessions: Iterable[Session] = (a_session(quality_tier=QualityTier.PREMIUM),),
        now: int = NOW + 1000,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(rows, sessions, now, executor)
        self.failing: set[str] = set()
        self.counted: list[dict[str, int]] = []
        self.speak_captions = SpeakCaptions(
            self.recorded(self.sessions),
            self.recorded(self.connections),
            self,
            self,
            self.delivery(),
            self,
            self.executor,
            lambda: self.now,
        )

    def handle(self, *captions: StoredCaption) -> None:
        """Speak successive captions of one session."""
        self.speak_captions(captions)

    def heard(self, connection_id: str) -> list[tuple[int, str]]:
        """Return the sequence and language of each voice that a connection was sent, in order."""
        messages = self.messages.get(connection_id, [])
        return [(message["sequenceNumber"], message["targetLanguage"]) for message in messages]

    def synthesize(self, text: str, language: Language) -> bytes | None:
        audio: bytes | None = self.call(
            f"synthesize {language} {text}", lambda: f"{language}: {text}".encode()
        )
        return audio

    def add(self, caption: Caption, language: Language, audio: bytes) -> str | None:
        address = f"https://voice.example.com/{caption.session.id}/{caption.sequence}/{language}.mp3"
        url: str | None = self.call(f"add {language} {audio.decode()}", lambda: address)
        return url

    def caption_spoken(self, **figures: int) -> None:
        self.counted.append(figures)

    def call(self, name: str, function: Callable[[], Any]) -> Any:
        def result() -> Any:
            return None if any(name.startswith(failing) for failing in self.failing) else function()

        return super().call(name, result)
