"""The message publishCaption: every boundary of its fields."""

from typing import Any

import pytest

from shared.captions.requests import NewCaption
from shared.errors import InvalidRequest
from tests.support.sessions import NOW

SEQUENCE = "sequence must be a whole number from 1 to 2147483647"
TEXT = "text must be 1 to 1000 characters, not all of them spaces"
CONTROL = "text must not contain control characters other than newline and tab"
SPOKEN_AT = "spokenAt must be a whole number of epoch milliseconds"


def parse(**fields: Any) -> NewCaption:
    return NewCaption.parse({"sequence": 1, "text": "Good morning.", **fields})


def errors(values: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as error:
        NewCaption.parse(values)
    return [tuple(field_error) for field_error in error.value.fields]


@pytest.mark.parametrize("sequence", [1, 2, 2**31 - 1])
def test_a_sequence_is_1_to_2147483647(sequence: int):
    assert parse(sequence=sequence).sequence == sequence


@pytest.mark.parametrize(
    "sequence", [0, -1, 2**31, 10**30, True, False, 1.0, 1.5, 1e9, "1", "", None, [1], {"n": 1}]
)
def test_another_sequence_is_invalid(sequence: object):
    assert errors({"sequence": sequence, "text": "x"}) == [("sequence", SEQUENCE)]


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "x" * 1000,
        "句" * 1000,
        "🙂" * 1000,
        " x ",
        "two\nlines\tand a tab",
        "<b>&amp;</b>",
        "Þ\u200dא\u202e",
        "e\u0301",
        "\u2028x",
    ],
    ids=[
        "1",
        "1000",
        "Chinese",
        "emoji",
        "spaces",
        "lines",
        "markup",
        "directions",
        "combining",
        "separator",
    ],
)
def test_a_text_has_1_to_1000_characters_and_is_kept_as_it_is(text: str):
    assert parse(text=text).text == text


@pytest.mark.parametrize(
    "text",
    ["", "x" * 1001, "🙂" * 1001, " ", "\n\t ", "\u3000\u00a0", 1, True, None, ["x"], {"text": "x"}, 1.5],
)
def test_another_text_is_invalid(text: object):
    assert errors({"sequence": 1, "text": text}) == [("text", TEXT)]


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x07",
        "\x08",
        "\x0b",
        "\x0c",
        "\r",
        "\x1b",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
        "\ud800",
    ],
)
def test_a_text_has_no_control_characters_and_no_half_of_a_surrogate_pair(character: str):
    assert errors({"sequence": 1, "text": f"a{character}b"}) == [("text", CONTROL)]


@pytest.mark.parametrize("spoken_at", [NOW, 0, -1, 10**30])
def test_the_time_of_speech_is_any_whole_number(spoken_at: int):
    assert parse(spokenAt=spoken_at).spoken_at == spoken_at


def test_the_time_of_speech_is_optional():
    assert parse().spoken_at is None


@pytest.mark.parametrize("spoken_at", [True, float(NOW), str(NOW), None, [NOW], {}])
def test_a_time_of_speech_that_is_no_whole_number_is_invalid(spoken_at: object):
    assert errors({"sequence": 1, "text": "x", "spokenAt": spoken_at}) == [("spokenAt", SPOKEN_AT)]


def test_every_invalid_field_is_listed_in_this_order():
    assert errors({"spokenAt": "now"}) == [
        ("sequence", "sequence is required"),
        ("text", "text is required"),
        ("spokenAt", SPOKEN_AT),
    ]


def test_unknown_fields_of_older_clients_are_ignored():
    assert parse(action="publishCaption", duration="3 s", chunkId=None, sessionId=7, timestamp=[]) == parse()


@pytest.mark.parametrize("value", ["private words", ["private words"]])
def test_no_error_repeats_what_was_sent(value: object):
    assert "private" not in str(errors({"sequence": value, "text": [value], "spokenAt": value}))
