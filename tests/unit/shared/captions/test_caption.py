"""Captions: repeats, the minute in which characters count, and texts by language."""

import pytest

from shared.audience.connection import SessionRef
from shared.captions.caption import Caption, StoredCaption
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.sessions import NOW


@pytest.mark.parametrize(
    "repeat",
    [a_caption(), a_caption(spoken_at=NOW + 1, published_at=NOW + 5000, source_language=Language.FRENCH)],
    ids=["equal", "later"],
)
def test_a_repeat_has_the_session_the_sequence_and_the_text(repeat: Caption):
    assert repeat.repeats(a_caption())


@pytest.mark.parametrize(
    "other",
    [
        a_caption(2, text="Sentence 1."),
        a_caption(text="Sentence 1"),
        a_caption(session=SessionRef("blessed-shepherd-427", NOW - 1)),
        a_caption(session=SessionRef("holy-psalm-100", NOW)),
    ],
    ids=["sequence", "text", "session with this id", "session"],
)
def test_a_caption_that_differs_is_no_repeat(other: Caption):
    assert not other.repeats(a_caption())


def test_characters_count_in_the_clock_minute_of_publication():
    assert [a_caption(published_at=at).minute for at in (0, 59_999, 60_000, 119_999)] == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (Language.SPANISH, (Language.SPANISH, "Frase 1.", True)),
        (Language.ENGLISH, (Language.ENGLISH, "Sentence 1.", False)),
        (Language.FRENCH, (Language.ENGLISH, "Sentence 1.", False)),
    ],
    ids=["translated", "source language", "not translated"],
)
def test_a_text_without_a_translation_is_the_source_text(
    language: Language, text: tuple[Language, str, bool]
):
    stored = StoredCaption(caption=a_caption(), translations={Language.SPANISH: "Frase 1."})

    assert stored.text_in(language) == text


def test_the_source_text_is_never_replaced_by_a_translation():
    stored = StoredCaption(caption=a_caption(), translations={Language.ENGLISH: "Another sentence."})

    assert stored.text_in(Language.ENGLISH) == (Language.ENGLISH, "Sentence 1.", False)


def test_an_empty_translation_is_a_translation():
    stored = StoredCaption(caption=a_caption(), translations={Language.SPANISH: ""})

    assert stored.text_in(Language.SPANISH) == (Language.SPANISH, "", True)
