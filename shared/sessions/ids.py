"""Session ids: two plain words and a number that a speaker can read aloud, such as blessed-shepherd-427."""

import re
import secrets
from collections.abc import Callable, Iterator

ADJECTIVES = (
    "blessed",
    "faithful",
    "gracious",
    "holy",
    "joyful",
    "peaceful",
    "righteous",
    "sacred",
    "divine",
    "eternal",
    "glorious",
    "merciful",
    "pure",
    "radiant",
    "serene",
)
NOUNS = (
    "shepherd",
    "covenant",
    "temple",
    "prophet",
    "angel",
    "disciple",
    "apostle",
    "psalm",
    "gospel",
    "grace",
    "faith",
    "hope",
    "light",
    "truth",
    "wisdom",
)
DIGITS = (3, 6, 9)

# Five tries from 3, 6 or 9 digits give 3 to 15 digits, always a multiple of three.
PATTERN = f"^(?:{'|'.join(ADJECTIVES)})-(?:{'|'.join(NOUNS)})-[1-9][0-9]{{2}}(?:[0-9]{{3}}){{0,4}}$"
_is_session_id = re.compile(PATTERN.strip("^$")).fullmatch

Draw = Callable[[int, int], int]
"""draw(attempt, n) returns a uniformly distributed number from 0 to n - 1 for the attempt of this index."""


def is_session_id(text: str) -> bool:
    """Return whether the text has the format of a session id; other texts are never looked up."""
    return _is_session_id(text) is not None


def draw_at_random(_attempt: int, n: int) -> int:
    """Return an unpredictable number from 0 to n - 1."""
    return secrets.randbelow(n)


def candidates(digits: int, draw: Draw) -> Iterator[str]:
    """Yield the five ids to try: two with `digits` digits, two with three more, one with six more."""
    for attempt, width in enumerate((digits, digits, digits + 3, digits + 3, digits + 6)):
        lowest = 10 ** (width - 1)
        number = draw(attempt, len(ADJECTIVES) * len(NOUNS) * 9 * lowest)
        number, adjective = divmod(number, len(ADJECTIVES))
        number, noun = divmod(number, len(NOUNS))
        yield f"{ADJECTIVES[adjective]}-{NOUNS[noun]}-{lowest + number}"
