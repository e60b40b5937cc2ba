"""Session ids: readable, unforeseeable, evenly spread, and refused without a look-up when malformed."""

import ast
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sessions import ids

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)


def first(n: int) -> int:
    return 0


@pytest.mark.parametrize("digits", ids.DIGITS)
def test_the_tries_widen(digits: int):
    numbers = [drawn_id.rsplit("-", 1)[1] for drawn_id in ids.candidates(digits, ids.draw_at_random)]

    assert [len(number) for number in numbers] == [digits, digits, digits + 3, digits + 3, digits + 6]


@pytest.mark.parametrize("digits", ids.DIGITS)
def test_every_candidate_has_the_format_that_is_looked_up(digits: int):
    for _ in range(100):
        assert all(map(ids.is_session_id, ids.candidates(digits, ids.draw_at_random)))


def test_there_are_202_500_ids_of_three_digits_and_each_is_drawn_by_one_number():
    asked: list[int] = []

    def ask(_attempt: int, n: int) -> int:
        asked.append(n)
        return 0

    next(ids.candidates(3, ask))
    drawn = {next(ids.candidates(3, lambda _attempt, _n, i=i: i)) for i in range(asked[0])}

    assert asked == [202_500]
    assert len(drawn) == 202_500
    assert {int(drawn_id.rsplit("-", 1)[1]) for drawn_id in drawn} == set(range(100, 1000))


def test_the_last_number_of_the_widest_pool_still_fits_the_format():
    *_, widest = ids.candidates(9, lambda _attempt, n: n - 1)

    assert widest == "serene-wisdom-" + "9" * 15
    assert ids.is_session_id(widest)


def test_the_pools_hold_fifteen_distinct_words_each():
    assert len(set(ids.ADJECTIVES)) == len(set(ids.NOUNS)) == 15


def test_chance_spreads_words_and_digits_evenly():
    drawn = [next(ids.candidates(3, ids.draw_at_random)).split("-") for _ in range(9000)]

    # 600 expected of each word and 1,000 of each first digit; 6 standard deviations are 142 and 179.
    for words in (Counter(drawn_id[0] for drawn_id in drawn), Counter(drawn_id[1] for drawn_id in drawn)):
        assert len(words) == 15
        assert all(abs(count - 600) < 142 for count in words.values()), words
    leading = Counter(drawn_id[2][0] for drawn_id in drawn)
    assert all(abs(leading[str(digit)] - 1000) < 179 for digit in range(1, 10)), leading


def test_keys_spread_words_evenly_too():
    drawn = [next(ids.candidates(3, ids.draw_by_key("alice", f"key-{i}"))).split("-") for i in range(9000)]

    words = Counter(drawn_id[0] for drawn_id in drawn)
    assert all(abs(words[word] - 600) < 142 for word in ids.ADJECTIVES), words


@given(speaker=st.text(), key=KEYS)
def test_the_same_speaker_and_key_draw_the_same_candidates(speaker: str, key: str):
    assert list(ids.candidates(3, ids.draw_by_key(speaker, key))) == list(
        ids.candidates(3, ids.draw_by_key(speaker, key))
    )


def test_other_speakers_other_keys_and_other_attempts_draw_other_numbers():
    drawn = [
        ids.draw_by_key(speaker, key)(attempt, 2**256)
        for speaker, key, attempt in itertools.product(("alice", "alice2", "bob"), ("k", "k2"), range(5))
    ]

    assert len(set(drawn)) == len(drawn)


def test_chance_is_the_systems_and_never_seeded():
    for path in Path("shared").rglob("*.py"):
        imported = {
            name.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        assert "random" not in imported, path


@pytest.mark.parametrize(
    "text",
    [
        "blessed-shepherd-100",
        "serene-wisdom-999",
        "holy-psalm-123456",
        "holy-psalm-" + "1" * 9,
        "holy-psalm-" + "1" * 12,
        "holy-psalm-" + "1" * 15,
    ],
)
def test_these_are_session_ids(text: str):
    assert ids.is_session_id(text)


MALFORMED = {
    "empty": "",
    "upper case": "Blessed-shepherd-427",
    "all upper case": "BLESSED-SHEPHERD-427",
    "trailing newline": "blessed-shepherd-427\n",
    "trailing space": "blessed-shepherd-427 ",
    "leading space": " blessed-shepherd-427",
    "encoded newline": "blessed-shepherd-427%0A",
    "slash": "blessed/shepherd-427",
    "encoded slash": "blessed%2Fshepherd-427",
    "parent folder": "../blessed-shepherd-427",
    "nul": "blessed-shepherd-427\0",
    "unknown adjective": "angry-shepherd-427",
    "unknown noun": "blessed-sheep-427",
    "words swapped": "shepherd-blessed-427",
    "no number": "blessed-shepherd-",
    "no second dash": "blessed-shepherd427",
    "two digits": "blessed-shepherd-42",
    "four digits": "blessed-shepherd-4271",
    "eighteen digits": "blessed-shepherd-" + "1" * 18,
    "leading zero": "blessed-shepherd-042",
    "negative": "blessed-shepherd--42",
    "plus": "blessed-shepherd-+42",
    "arabic digits": "blessed-shepherd-\u0664\u0662\u0667",
    "fullwidth digits": "blessed-shepherd-\uff14\uff12\uff17",
    "superscript digits": "blessed-shepherd-4\u00b27",
    "cyrillic e": "bl\u0435ssed-shepherd-427",
    "two lines": "blessed-shepherd-427\nblessed-shepherd-427",
    "10,000 characters": "blessed-shepherd-" + "4" * 10_000,
    "the health row": "health",
    "a star": "*",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_these_are_not(text: str):
    assert not ids.is_session_id(text)


@given(st.from_regex(re.compile(ids.PATTERN, re.ASCII), fullmatch=True))
def test_the_published_pattern_and_the_check_agree(text: str):
    assert ids.is_session_id(text) is not text.endswith("\n")
