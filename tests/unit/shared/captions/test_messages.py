"""The messages about captions, each in full, and their size."""

import json
from collections.abc import Sequence

import pytest

from shared.audience.messages import encode
from shared.captions.caption import MAX_TEXT, StoredCaption
from shared.captions.messages import (
    MAX_MESSAGE_BYTES,
    Captions,
    caption,
    caption_published,
    caption_view,
    captions,
    translated_audio,
)
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.sessions import NOW

STORED = StoredCaption(
    caption=a_caption(7, spoken_at=NOW - 900), translations={Language.SPANISH: "¡Frase «7»!"}
)
IN_SPANISH = {
    "sequence": 7,
    "language": "es",
    "text": "¡Frase «7»!",
    "sourceLanguage": "en",
    "translated": True,
    "spokenAt": NOW - 900,
}


def stored(texts: Sequence[str]) -> list[StoredCaption]:
    return [StoredCaption(caption=a_caption(n, text=text)) for n, text in enumerate(texts, start=1)]


def sequences(message: Captions) -> list[int]:
    return [view["sequence"] for view in message["captions"]]


def test_a_caption_has_its_text_in_the_listeners_language():
    assert json.loads(encode(caption(STORED, Language.SPANISH))) == {
        "type": "caption",
        "sessionId": "blessed-shepherd-427",
        **IN_SPANISH,
        "timestamp": NOW,
    }


def test_a_caption_without_a_translation_has_the_source_text_and_its_language():
    message = caption(STORED, Language.FRENCH)

    assert (message["language"], message["text"], message["translated"]) == ("en", "Sentence 7.", False)


def test_captions_have_neither_type_nor_session_nor_timestamp_of_their_own():
    assert json.loads(encode(captions([STORED], Language.SPANISH, NOW + 5))) == {
        "type": "captions",
        "captions": [IN_SPANISH],
        "timestamp": NOW + 5,
    }


def test_no_captions_are_an_empty_list():
    assert captions([], Language.SPANISH, NOW) == {"type": "captions", "captions": [], "timestamp": NOW}


def test_captions_keep_their_order():
    assert sequences(captions(stored(["x"] * 20), Language.SPANISH, NOW)) == list(range(1, 21))


def test_the_voice_of_a_caption_has_its_url_and_what_is_spoken():
    url = "https://voice.example.com/7/es.mp3?X-Amz-Expires=600"

    assert json.loads(encode(translated_audio(STORED, Language.SPANISH, url, NOW + 5))) == {
        "type": "translatedAudio",
        "sessionId": "blessed-shepherd-427",
        "sequenceNumber": 7,
        "targetLanguage": "es",
        "url": url,
        "transcript": "¡Frase «7»!",
        "timestamp": NOW + 5,
    }


def test_a_published_caption_has_its_sequence():
    assert caption_published(7, NOW) == {"type": "captionPublished", "sequence": 7, "timestamp": NOW}


@pytest.mark.parametrize(
    ("character", "number"),
    [("x", 20), ("é", 15), ("句", 10), ("🙂", 7), ("\n", 15), ('"', 15)],
    ids=["ASCII", "Latin", "Chinese", "emoji", "newline", "quote"],
)
def test_of_20_of_the_longest_captions_the_oldest_are_left_out_of_32_kb(character: str, number: int):
    longest = stored([character * MAX_TEXT] * 20)

    message = captions(longest, Language.SPANISH, NOW)
    with_one_more = {
        **message,
        "captions": [caption_view(one, Language.SPANISH) for one in longest[-number - 1 :]],
    }

    assert sequences(message) == list(range(21 - number, 21))
    assert len(encode(message)) <= MAX_MESSAGE_BYTES
    assert number == 20 or len(encode(with_one_more)) > MAX_MESSAGE_BYTES


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_captions_of_exactly_32_kb_are_all_sent(spare: int):
    def message_of(length: int) -> Captions:
        return captions(stored(["x" * MAX_TEXT] * 20 + ["y" * length]), Language.SPANISH, NOW)

    length = MAX_MESSAGE_BYTES - len(encode(message_of(0)))

    assert len(encode(message_of(length - spare))) == MAX_MESSAGE_BYTES - spare
    assert sequences(message_of(length)) == list(range(1, 22))
    assert sequences(message_of(length + 1)) == list(range(2, 22))


def test_a_caption_that_alone_exceeds_the_message_is_left_out_too():
    assert captions(stored(["x" * MAX_MESSAGE_BYTES]), Language.SPANISH, NOW)["captions"] == []
