"""Session ids: readable, unpredictable, evenly distributed, and easily recognised."""

import ast
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.project import ROOT
from shared.sessions import ids

# candidates


@pytest.mark.parametrize("digits", ids.DIGITS)
def test_later_candidates_have_more_digits(digits: int):
    numbers = [session_id.rsplit("-", 1)[1] for session_id in ids.candidates(digits, ids.draw_at_random)]

    assert [len(number) for number in numbers] == [digits, digits, digits + 3, digits + 3, digits + 6]


@pytest.mark.parametrize("digits", ids.DIGITS)
def test_every_candidate_is_a_session_id(digits: int):
    for _ in range(100):
        assert all(map(ids.is_session_id, ids.candidates(digits, ids.draw_at_random)))


def test_each_of_the_202_500_ids_with_three_digits_has_its_own_number():
    ranges: list[int] = []

    def record_range(_attempt: int, n: int) -> int:
        ranges.append(n)
        return 0

    next(ids.candidates(3, record_range))
    session_ids = {next(ids.candidates(3, lambda _attempt, _n, i=i: i)) for i in range(ranges[0])}

    assert ranges == [202_500]
    assert len(session_ids) == 202_500
    assert {int(session_id.rsplit("-", 1)[1]) for session_id in session_ids} == set(range(100, 1000))


def test_the_highest_number_gives_the_last_id_with_fifteen_digits():
    *_, last = ids.candidates(9, lambda _attempt, n: n - 1)

    assert last == "serene-wisdom-" + "9" * 15
    assert ids.is_session_id(last)


def test_there_are_fifteen_adjectives_and_fifteen_nouns():
    assert len(set(ids.ADJECTIVES)) == len(set(ids.NOUNS)) == 15


# random numbers


def test_random_ids_have_evenly_distributed_words_and_digits():
    parts = [next(ids.candidates(3, ids.draw_at_random)).split("-") for _ in range(9000)]

    # 600 expected of each word and 1,000 of each first digit; 6 standard deviations are 142 and 179.
    for words in (Counter(part[0] for part in parts), Counter(part[1] for part in parts)):
        assert len(words) == 15
        assert all(abs(count - 600) < 142 for count in words.values()), words
    first_digits = Counter(part[2][0] for part in parts)
    assert all(abs(first_digits[str(digit)] - 1000) < 179 for digit in range(1, 10)), first_digits


def test_no_module_imports_the_predictable_random_numbers():
    for path in (ROOT / "shared").rglob("*.py"):
        imports = {
            name.name
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in node.names
        }
        assert "random" not in imports, path


# the format


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
def test_a_well_formed_id_is_a_session_id(text: str):
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
    "the id that health checks read": "health",
    "a star": "*",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_id_is_not_a_session_id(text: str):
    assert not ids.is_session_id(text)


@given(st.from_regex(re.compile(ids.PATTERN, re.ASCII), fullmatch=True))
def test_the_published_pattern_matches_session_ids_only(text: str):
    # Python's $ also matches before a trailing newline.
    assert ids.is_session_id(text) is not text.endswith("\n")
