"""Session ids: every generated id matches the format, and the format matches nothing else."""

from random import Random

from shared.sessions import ids
from tests.stress.fuzz.harnesses.strings import edited, string

LENGTHS = (3, 6, 9, 12, 15)


def check(data: bytes) -> None:
    """Compare the pattern with the rule for arbitrary strings, generated ids and edited ids."""
    arbitrary = string(data)
    assert ids.is_session_id(arbitrary) == _matches(arbitrary)

    random = Random(data)
    for digits in ids.DIGITS:
        candidates = list(ids.candidates(digits, lambda _attempt, n: random.randrange(n)))
        assert [len(candidate.rpartition("-")[2]) for candidate in candidates] == [
            digits, digits, digits + 3, digits + 3, digits + 6,
        ]  # fmt: skip
        for candidate in candidates:
            assert ids.is_session_id(candidate)
            changed = edited(candidate, data[-6:])
            assert ids.is_session_id(changed) == _matches(changed)


def _matches(text: str) -> bool:
    """Apply the rule of the format without a regular expression."""
    parts = text.split("-")
    if len(parts) != 3 or parts[0] not in ids.ADJECTIVES or parts[1] not in ids.NOUNS:
        return False
    number = parts[2]
    return len(number) in LENGTHS and set(number) <= set("0123456789") and number[0] != "0"
