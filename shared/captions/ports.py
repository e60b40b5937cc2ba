"""What the use cases of captions need: stores, a translator and metrics."""

from collections.abc import Mapping
from typing import Protocol

from shared.audience.connection import SessionRef
from shared.captions.caption import Caption, CaptionPage, PublishRefused, StoredCaption
from shared.sessions.session import Language


class LiveCaptions(Protocol):
    """Stores the last caption of each session. Raises ServiceUnavailable if a write may have failed."""

    def publish(self, caption: Caption, *, characters_per_minute: int) -> PublishRefused | None:
        """Make this the session's last caption in one atomic write; return why not, None if it is.

        Its sequence must be above the last one's, and its characters together with those published in the
        same minute at most `characters_per_minute` (0: no limit). The minute is that of `published_at`, or
        the last caption's if that is later. A caption that is refused counts no characters.
        """

    def last(self, session: SessionRef) -> Caption | None:
        """Return the session's last caption, by a consistent read; None before the first."""


class CaptionHistory(Protocol):
    """Stores the captions of each session with their translations. Raises ServiceUnavailable."""

    def add(self, caption: Caption) -> StoredCaption:
        """Write the caption unless it is there; return it as it is stored, maybe translated or delivered."""

    def set_translations(self, caption: Caption, translations: Mapping[Language, str]) -> None:
        """Replace the translations of a caption, if it is stored."""

    def set_delivered(self, caption: Caption, at: int, *, voice: bool = False) -> None:
        """Record that the audience has been sent the caption at `at` (epoch ms), if it is stored.

        With `voice` its translations are to be spoken.
        """

    def last(self, session: SessionRef, limit: int) -> list[StoredCaption]:
        """Return the last `limit` captions in ascending order, by one consistent read."""

    def after(self, session: SessionRef, sequence: int, limit: int) -> CaptionPage:
        """Return the first captions with a higher sequence, at most `limit`, by one read.

        A page may be shorter and still not be the last one. The last writes may be missing.
        """


class Translator(Protocol):
    """Translates text."""

    def translate(self, text: str, *, source: Language, target: Language) -> str | None:
        """Return the translation after one try of at most 1 s; None if it failed.

        A failure is counted and logged without the text.
        """


class Synthesizer(Protocol):
    """Speaks text."""

    def synthesize(self, text: str, language: Language) -> bytes | None:
        """Return the speech as MP3; None if it failed, which is logged without the text."""


class VoiceStore(Protocol):
    """Stores the voices of captions for as long as their session lasts."""

    def add(self, caption: Caption, language: Language, audio: bytes) -> str | None:
        """Store a voice, in place of a former one of the caption in the language; return a URL of it.

        The URL is valid for ten minutes. None if it failed, which is logged.
        """


class CaptionMetrics(Protocol):
    """Counts for operators."""

    def caption_handled(self, *, latency_ms: int, characters: int, failures: int, undelivered: int) -> None:
        """Count a caption whose handling has ended `latency_ms` after it was published.

        `characters` were translated, summed over the languages; `failures` translations failed;
        `undelivered` connections were not sent the caption.
        """


class VoiceMetrics(Protocol):
    """Counts for operators."""

    def caption_spoken(self, *, latency_ms: int, characters: int, spoken: int, dropped: int) -> None:
        """Count the voices of one caption, one for each language, `latency_ms` after it was published.

        `characters` were spoken, summed over the languages; `spoken` voices were sent to all of their
        listeners; `dropped` voices were too late, failed, or were not sent to all.
        """
