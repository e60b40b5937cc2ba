"""A caption: one finished piece of what was said, and its translations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.audience.connection import SessionRef
from shared.sessions.session import Language

MAX_TEXT = 1000
MAX_SEQUENCE = 2**31 - 1
MINUTE_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What was said, in the language in which it was said. Times are epoch ms, but `expires_at` is epoch s.

    `sequence` is 1 to MAX_SEQUENCE and rises within a session, with gaps. `text` has 1 to MAX_TEXT
    characters. `published_at` is when the service received it, `expires_at` is the session's expiry. A
    language of another release that is not in its enumeration is kept as text.
    """

    session: SessionRef
    sequence: int
    text: str
    source_language: Language
    spoken_at: int
    published_at: int
    expires_at: int

    @property
    def minute(self) -> int:
        """The epoch minute in which the caption's characters count."""
        return self.published_at // (MINUTE_S * 1000)

    def repeats(self, other: "Caption") -> bool:
        """Return whether this is `other`, sent again: the client may have missed the answer."""
        return (self.session, self.sequence, self.text) == (other.session, other.sequence, other.text)


class PublishRefused(NamedTuple):
    """A caption was not written. `last` is the session's last caption, if there is one.

    A caption with a higher sequence exceeds the characters of `minute` (epoch minute).
    """

    last: Caption | None
    minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCaption:
    """A caption of the history. `delivered_at` is when its audience had been sent it, epoch ms.

    `voice` is whether its translations are to be spoken.
    """

    caption: Caption
    translations: Mapping[Language, str] = field(default_factory=dict)
    delivered_at: int | None = None
    voice: bool = False

    def text_in(self, language: Language) -> tuple[Language, str, bool]:
        """Return (language of the text, text, whether it is a translation).

        That is the source text where the caption has no translation into the language.
        """
        translation = self.translations.get(language)
        if language == self.caption.source_language or translation is None:
            return self.caption.source_language, self.caption.text, False
        return language, translation, True


class CaptionPage(NamedTuple):
    """Captions of a session in ascending order, and what follows them.

    `next_after` is the sequence after which the next page begins, None after the last page. `next` is the
    first caption of the next page, None if it was not read.
    """

    captions: list[StoredCaption]
    next_after: int | None
    next: StoredCaption | None
