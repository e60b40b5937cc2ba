"""The languages of the listeners who are sent a caption."""

from collections import Counter
from collections.abc import Iterable

from shared.audience.connection import Connection
from shared.sessions.session import Language

# A later release knows the words that this one does not know.
KNOWN_LANGUAGES = frozenset(Language)


def languages(rows: Iterable[Connection]) -> list[Language]:
    """Return the languages that listeners have chosen, those with most listeners first."""
    listeners = Counter(row.target_language for row in rows if row.target_language in KNOWN_LANGUAGES)
    return sorted(listeners, key=lambda language: (-listeners[language], language))
