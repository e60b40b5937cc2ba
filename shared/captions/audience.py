"""Who is sent a caption: the admitted connections of its session, and the languages of its listeners."""

from collections import Counter
from collections.abc import Iterable

from shared.audience.connection import Connection, SessionRef
from shared.sessions.session import Language

# A later release knows the words that this one does not know.
KNOWN_LANGUAGES = frozenset(Language)


def admitted(rows: Iterable[Connection], session: SessionRef, now: int) -> list[Connection]:
    """Return the session's rows that are admitted and live at `now` (epoch ms)."""
    return [row for row in rows if row.session == session and row.admitted_at and row.live(now)]


def languages(rows: Iterable[Connection]) -> list[Language]:
    """Return the languages that listeners have chosen, those with most listeners first."""
    listeners = Counter(row.target_language for row in rows if row.target_language in KNOWN_LANGUAGES)
    return sorted(listeners, key=lambda language: (-listeners[language], language))
