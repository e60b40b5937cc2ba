"""Session ids: every id that we make is one, and nothing else is."""

from shared.sessions import ids
from tests.stress.fuzz.harnesses.pieces import edited, texts

LENGTHS = (3, 6, 9, 12, 15)


def check(data: bytes) -> None:
    """Judge a text, then the ids that its speaker and key lead to, whole and spoilt."""
    given, speaker, key = (text or "" for text in texts(data, 3))
    assert ids.is_session_id(given) == _is_one(given)

    speaker, key = (name.encode("utf-8", "replace").decode() for name in (speaker, key))
    for digits in ids.DIGITS:
        made = list(ids.candidates(digits, ids.draw_by_key(speaker, key)))
        assert made == list(ids.candidates(digits, ids.draw_by_key(speaker, key)))
        assert [len(one.rpartition("-")[2]) for one in made] == [
            digits, digits, digits + 3, digits + 3, digits + 6,
        ]  # fmt: skip
        for one in made:
            assert ids.is_session_id(one)
            spoilt = edited(one, data[-6:])
            assert ids.is_session_id(spoilt) == _is_one(spoilt)


def _is_one(text: str) -> bool:
    """Say the rule again, without a pattern."""
    parts = text.split("-")
    if len(parts) != 3 or parts[0] not in ids.ADJECTIVES or parts[1] not in ids.NOUNS:
        return False
    number = parts[2]
    return len(number) in LENGTHS and set(number) <= set("0123456789") and number[0] != "0"
