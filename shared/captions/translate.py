"""Translate captions once per language, store them, and send each listener the text in its language."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from shared.audience.connection import Connection, SessionRef, admitted
from shared.audience.delivery import RESERVE_MS
from shared.audience.messages import encode
from shared.captions.audience import KNOWN_LANGUAGES, languages
from shared.captions.caption import Caption, StoredCaption
from shared.captions.messages import caption as caption_message
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.sessions.session import Language, QualityTier, Status

if TYPE_CHECKING:
    from shared.audience.delivery import Delivery
    from shared.audience.ports import ConnectionStore
    from shared.captions.ports import CaptionHistory, CaptionMetrics, Translator
    from shared.sessions.ports import SessionReader

# An older caption helps nobody who listens: what is said now comes first. It stays in the history.
MAX_AGE_MS = 60_000
# For connections that API Gateway throttles. A caption that they miss must not delay the next one.
RETRY_MS = 2000


class Translated(NamedTuple):
    """A caption with its translations, the characters translated now, and the translations that failed."""

    stored: StoredCaption
    characters: int
    failures: int


class TranslateCaptions:
    """Handles the captions of one session. Sessions may be handled at the same time.

    A repeated call does only what is left. `executor` has a thread for each translation of the captions that
    are handled at the same time; `clock` returns epoch milliseconds; `max_languages` is how many languages of
    one session are translated.
    """

    def __init__(
        self,
        sessions: "SessionReader",
        connections: "ConnectionStore",
        history: "CaptionHistory",
        translator: "Translator",
        delivery: "Delivery",
        metrics: "CaptionMetrics",
        executor: Executor,
        clock: Callable[[], int],
        *,
        max_languages: int,
    ) -> None:
        self._sessions = sessions
        self._connections = connections
        self._history = history
        self._translator = translator
        self._delivery = delivery
        self._metrics = metrics
        self._executor = executor
        self._clock = clock
        self._max_languages = max_languages

    def __call__(self, captions: Sequence[Caption], *, time_left: Callable[[], int]) -> None:
        """Store, translate and deliver successive captions of one session.

        `time_left` returns the milliseconds available. Raises ServiceUnavailable when a caption may be
        unfinished; what is not delivered because of API Gateway or Amazon Translate is not repeated.
        """
        if not captions:
            return
        ref = captions[0].session
        session = self._sessions.get(ref.id)
        if session is None or session.created_at != ref.created_at or not session.live(self._clock()):
            return
        stored = self._store(captions)
        unfinished = [one for one in stored if one.delivered_at is None]
        if session.status is Status.ENDED or not unfinished:
            return
        # Read after the captions were stored: who is admitted later finds them in the history.
        rows = self._audience(ref)
        translated = self._translate(unfinished, rows)
        current = not any(one.characters or one.failures for one in translated)
        for one in translated:
            if time_left() < RESERVE_MS:
                raise ServiceUnavailable
            if not current:
                # Who was admitted in the meantime may have read the history before it was translated.
                rows = self._audience(ref)
            self._deliver(one, rows, voice=session.quality_tier is QualityTier.PREMIUM)
            current = False

    def _store(self, captions: Iterable[Caption]) -> list[StoredCaption]:
        stored = []
        # A write that leaves the sequence as it was has a record too, but no caption of its own.
        for caption in {caption.sequence: caption for caption in captions}.values():
            with suppress(UnreadableRow):  # of another release; it stops no other caption
                stored.append(self._history.add(caption))
        return stored

    def _audience(self, session: SessionRef) -> list[Connection]:
        return admitted(self._connections.of_session(session.id), session, self._clock())

    def _translate(self, captions: Sequence[StoredCaption], rows: Iterable[Connection]) -> list[Translated]:
        """Translate all captions at once, so that a slow translator delays a batch by its one try."""
        wanted = languages(rows)
        jobs = [(stored, language) for stored in captions for language in self._missing(stored, wanted)]
        texts = self._executor.map(self._text, jobs)
        results: dict[int, dict[Language, str | None]] = {stored.caption.sequence: {} for stored in captions}
        for (stored, language), text in zip(jobs, texts, strict=True):
            results[stored.caption.sequence][language] = text
        return [self._add_translations(stored, results[stored.caption.sequence]) for stored in captions]

    def _missing(self, stored: StoredCaption, wanted: Iterable[Language]) -> list[Language]:
        source = stored.caption.source_language
        if source not in KNOWN_LANGUAGES:
            return []
        others = [language for language in wanted if language != source][: self._max_languages]
        return [language for language in others if language not in stored.translations]

    def _text(self, job: tuple[StoredCaption, Language]) -> str | None:
        stored, language = job
        caption = stored.caption
        return self._translator.translate(caption.text, source=caption.source_language, target=language)

    def _add_translations(self, stored: StoredCaption, results: Mapping[Language, str | None]) -> Translated:
        new = {language: text for language, text in results.items() if text is not None}
        if new:
            stored = replace(stored, translations={**stored.translations, **new})
            self._history.set_translations(stored.caption, stored.translations)
        return Translated(stored, len(stored.caption.text) * len(new), len(results) - len(new))

    def _deliver(self, translated: Translated, rows: Sequence[Connection], *, voice: bool) -> None:
        caption = translated.stored.caption
        undelivered = len(rows)
        if self._clock() - caption.published_at <= MAX_AGE_MS:
            messages = {
                language: encode(caption_message(translated.stored, language))
                for language in {_language(row, caption) for row in rows}
            }
            undelivered = self._delivery.send_each(
                caption.session.id, rows, lambda row: messages[_language(row, caption)], retry_ms=RETRY_MS
            )
            # The last write marks the caption for its voice, so that the voice comes after the caption.
            voice = voice and bool(translated.stored.translations)
            self._history.set_delivered(caption, self._clock(), voice=voice)
        self._metrics.caption_handled(
            latency_ms=self._clock() - caption.published_at,
            characters=translated.characters,
            failures=translated.failures,
            undelivered=undelivered,
        )


def _language(row: Connection, caption: Caption) -> Language:
    """Return the language in which the connection gets the caption: the speaker has none of its own."""
    return row.target_language or caption.source_language
