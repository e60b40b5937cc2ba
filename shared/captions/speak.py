"""Speak the captions of premium sessions: send each listener the voice of the translation in its language.

Voice is late at worst. What fails or is too old is dropped and counted, and nothing is tried again later: the
caption itself has been delivered before.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, admitted
from shared.audience.messages import encode
from shared.captions.audience import languages
from shared.captions.messages import translated_audio
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.sessions.session import Language, QualityTier, Status

if TYPE_CHECKING:
    from shared.audience.connection import SessionRef
    from shared.audience.delivery import Delivery
    from shared.audience.ports import ConnectionStore
    from shared.captions.caption import StoredCaption
    from shared.captions.ports import Synthesizer, VoiceMetrics, VoiceStore
    from shared.sessions.ports import SessionReader

# Since the caption was published. A later voice would be heard over what is said now.
MAX_AGE_MS = 10_000
# For connections that API Gateway throttles.
RETRY_MS = 1000


class SpeakCaptions:
    """Speaks the captions of one session. Sessions may be handled at the same time.

    `executor` has a thread for each call of the synthesizer at the same time, over all sessions; `clock`
    returns epoch milliseconds. A repeated call speaks again what is not too old.
    """

    def __init__(
        self,
        sessions: "SessionReader",
        connections: "ConnectionStore",
        synthesizer: "Synthesizer",
        voices: "VoiceStore",
        delivery: "Delivery",
        metrics: "VoiceMetrics",
        executor: Executor,
        clock: Callable[[], int],
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._synthesizer = synthesizer
        self._voices = voices
        self._delivery = delivery
        self._metrics = metrics
        self._executor = executor
        self._clock = clock

    def __call__(self, captions: "Sequence[StoredCaption]") -> None:
        """Speak successive captions of one session; nothing is raised for a temporary fault."""
        if not captions:
            return
        try:
            is_spoken = self._is_spoken(captions[0].caption.session)
        except (ServiceUnavailable, UnreadableRow):
            for stored in captions:
                self._drop(stored)
            return
        if is_spoken:
            for stored in captions:
                self._speak(stored)

    def _is_spoken(self, ref: "SessionRef") -> bool:
        session = self._sessions.get(ref.id)
        return (
            session is not None
            and session.created_at == ref.created_at
            and session.live(self._clock())
            and session.status is not Status.ENDED
            and session.quality_tier is QualityTier.PREMIUM
        )

    def _speak(self, stored: "StoredCaption") -> None:
        if self._is_late(stored):
            self._drop(stored)
            return
        try:
            rows = self._connections.of_session(stored.caption.session.id)
        except ServiceUnavailable:
            self._drop(stored)
            return
        rows = admitted(rows, stored.caption.session, self._clock())
        wanted = [language for language in languages(rows) if language in stored.translations]
        if not wanted:
            return
        spoken = characters = 0
        urls = self._executor.map(lambda language: self._synthesize(stored, language), wanted)
        for language, url in zip(wanted, urls, strict=True):
            if url is None:
                continue
            characters += len(stored.translations[language])
            listeners = [row for row in rows if row.target_language == language]
            spoken += self._send(stored, language, url, listeners)
        self._count(stored, characters=characters, spoken=spoken, dropped=len(wanted) - spoken)

    def _synthesize(self, stored: "StoredCaption", language: Language) -> str | None:
        """Return the URL of the voice; None if it is too late for it, or if it failed."""
        # Also calls of others have taken time since the caption arrived here.
        if self._is_late(stored):
            return None
        audio = self._synthesizer.synthesize(stored.translations[language], language)
        return None if audio is None else self._voices.add(stored.caption, language, audio)

    def _send(
        self, stored: "StoredCaption", language: Language, url: str, listeners: Sequence[Connection]
    ) -> bool:
        """Return whether every listener was sent the voice."""
        if self._is_late(stored):
            return False
        message = encode(translated_audio(stored, language, url, self._clock()))
        throttled = self._delivery.send_each(
            stored.caption.session.id, listeners, lambda _: message, retry_ms=RETRY_MS, removes_gone=False
        )
        return throttled == 0

    def _is_late(self, stored: "StoredCaption") -> bool:
        return self._clock() - stored.caption.published_at > MAX_AGE_MS

    def _drop(self, stored: "StoredCaption") -> None:
        self._count(stored, characters=0, spoken=0, dropped=len(stored.translations))

    def _count(self, stored: "StoredCaption", *, characters: int, spoken: int, dropped: int) -> None:
        self._metrics.caption_spoken(
            latency_ms=self._clock() - stored.caption.published_at,
            characters=characters,
            spoken=spoken,
            dropped=dropped,
        )
