"""WebVTT files of captions, read by a strict reader."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.captions import webvtt
from shared.captions.caption import StoredCaption
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.sessions import NOW
from tests.support.webvtt import Cue, read

SPANISH = Language.SPANISH


def spoken(*seconds: float, text: str = "Hello.") -> list[StoredCaption]:
    """Return captions that were spoken so many seconds after NOW."""
    return [
        StoredCaption(caption=a_caption(number, text=text, spoken_at=NOW + round(second * 1000)))
        for number, second in enumerate(seconds, start=1)
    ]


def cues(captions: list[StoredCaption], following: StoredCaption | None = None) -> list[Cue]:
    return read(webvtt.document(captions, SPANISH, zero=NOW, following=following))


def test_a_file_looks_so():
    first, second = spoken(1.5, 3_725.25)
    first = StoredCaption(caption=first.caption, translations={SPANISH: "Hola."})

    assert webvtt.document([first, second], SPANISH, zero=NOW) == (
        "WEBVTT\n\n1\n00:00:01.500 --> 00:00:08.500\nHola.\n\n2\n01:02:05.250 --> 01:02:12.250\nHello.\n"
    )


def test_without_captions_there_is_a_valid_file():
    assert webvtt.document([], SPANISH, zero=NOW) == "WEBVTT\n"
    assert cues([]) == []


def test_a_cue_ends_when_the_next_one_begins_or_after_seven_seconds():
    times = [(cue.start, cue.end) for cue in cues(spoken(0, 3, 10, 17.001, 20))]

    assert times == [(0, 3000), (3000, 10_000), (10_000, 17_000), (17_001, 20_000), (20_000, 27_000)]


@pytest.mark.parametrize(("next_s", "end"), [(21, 21_000), (27, 27_000), (28, 27_000), (3, 20_001)])
def test_the_last_cue_of_a_page_ends_when_the_next_page_begins(next_s: float, end: int):
    *captions, following = spoken(0, 20, next_s)

    page = cues(captions, following)

    assert (page[-1].end, len(page)) == (end, 2)


def test_starts_never_go_back_and_are_not_before_the_session():
    times = [(cue.start, cue.end) for cue in cues(spoken(-5, 9, 4, 4, 12))]

    assert times == [(0, 7000), (9000, 9001), (9001, 9002), (9002, 12_000), (12_000, 19_000)]


def test_a_session_of_a_whole_day_has_two_digits_of_hours():
    (cue,) = cues(spoken(24 * 3600 - 0.001))

    assert (cue.start, cue.end) == (86_399_999, 86_406_999)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a <b>bold</b> & 'quoted' \"word\"", "a <b>bold</b> & 'quoted' \"word\""),
        ("00:00:01.000 --> 00:00:02.000", "00:00:01.000 --> 00:00:02.000"),
        ("&lt;", "&lt;"),
        ("two\nlines", "two\nlines"),
        ("an\n\n\nempty line\n", "an\nempty line"),
        ("\n \t\nleading", "leading"),
        ("one\r\ntwo\rthree\x0bfour\u2028five\x85six", "one\ntwo\nthree\nfour\nfive\nsix"),
        ("NOTE this is no comment", "NOTE this is no comment"),
        ("tab\tand 你好 🙂 שלום", "tab\tand 你好 🙂 שלום"),
        ("nul\0", "nul\ufffd"),
    ],
)
def test_a_text_is_shown_as_it_was_said_without_the_lines_that_would_end_its_cue(text: str, shown: str):
    (cue,) = cues(spoken(0, text=text))

    assert cue.text == shown


@given(
    texts=st.lists(st.text(min_size=1, max_size=30).filter(lambda text: text.strip()), max_size=6),
    seconds=st.lists(st.integers(-10, 100), min_size=6, max_size=6),
)
def test_every_file_is_valid_and_has_every_caption(texts: list[str], seconds: list[int]):
    captions = [
        StoredCaption(caption=a_caption(number, text=text, spoken_at=NOW + second * 1000))
        for number, (text, second) in enumerate(zip(texts, seconds, strict=False), start=1)
    ]

    read_again = cues(captions)

    assert [cue.id for cue in read_again] == [str(number) for number in range(1, len(captions) + 1)]
    assert all(first.end <= second.start for first, second in itertools.pairwise(read_again))
    assert all(cue.end - cue.start <= webvtt.CUE_MS for cue in read_again)
