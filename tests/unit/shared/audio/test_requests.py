"""The message audioChunk: every boundary of its fields."""

import base64
from typing import Any

import pytest

from shared.audio.requests import NewAudio
from shared.errors import InvalidRequest
from tests.support.audio import base64_of, pcm
from tests.support.sessions import NOW

AUDIO_DATA = "audioData must be base64 of 100 to 24000 bytes, an even number"
TIMESTAMP = "timestamp must be a whole number of epoch milliseconds"
SEQUENCE = "sequence must be a whole number from 1 to 2147483647"


def parse(**fields: Any) -> NewAudio:
    return NewAudio.parse({"audioData": base64_of(pcm()), "timestamp": NOW, **fields})


def errors(**fields: Any) -> list[tuple[str, str]]:
    """Return the errors of a valid message with these fields replaced."""
    with pytest.raises(InvalidRequest) as error:
        parse(**fields)
    return [tuple(field_error) for field_error in error.value.fields]


@pytest.mark.parametrize("size", [100, 102, 8192, 23_998, 24_000])
def test_a_chunk_has_100_to_24000_bytes_and_is_kept_as_it_is(size: int):
    assert parse(audioData=base64_of(pcm(size))).audio == pcm(size)


@pytest.mark.parametrize("size", [0, 1, 2, 98, 99, 101, 8191, 23_999, 24_001, 24_002, 24_400])
def test_audio_of_another_length_is_invalid(size: int):
    assert errors(audioData=base64_of(pcm(size))) == [("audioData", AUDIO_DATA)]


@pytest.mark.parametrize(
    "text",
    [
        "not base64",
        base64_of(pcm()) + "\n",
        " " + base64_of(pcm()),
        base64_of(pcm(100)).rstrip("="),
        base64_of(pcm(102)) + "=",
        base64_of(pcm(102)) + "====",
        base64_of(pcm(100)) + base64_of(pcm(100)),
        "=" * 400,
        base64.urlsafe_b64encode(b"\xfb\xff" * 100).decode(),
        "é" + base64_of(pcm()),
        base64_of(pcm())[:-1],
        "A" * 401,
        f"data:audio/pcm;base64,{base64_of(pcm())}",
    ],
    ids=[
        *("words", "newline", "space", "no padding", "padding", "more padding", "padding inside"),
        *("padding alone", "URL-safe", "not ASCII", "cut off", "one character more", "data URL"),
    ],
)
def test_text_that_is_not_base64_is_invalid(text: str):
    assert errors(audioData=text) == [("audioData", AUDIO_DATA)]


@pytest.mark.parametrize("value", [None, 1, True, 1.5, ["QUJD"], {"data": "QUJD"}, list(range(200))])
def test_audio_that_is_not_text_is_invalid(value: object):
    assert errors(audioData=value) == [("audioData", AUDIO_DATA)]


@pytest.mark.parametrize("timestamp", [0, 1, NOW, 2**53 - 1])
def test_a_timestamp_is_epoch_milliseconds(timestamp: int):
    assert parse(timestamp=timestamp).timestamp == timestamp


@pytest.mark.parametrize(
    "timestamp", [-1, 2**53, 10**30, True, False, float(NOW), 1.5, str(NOW), "", None, [NOW], {}]
)
def test_another_timestamp_is_invalid(timestamp: object):
    assert errors(timestamp=timestamp) == [("timestamp", TIMESTAMP)]


@pytest.mark.parametrize("sequence", [1, 2, 2**31 - 1])
def test_a_sequence_is_1_to_2147483647(sequence: int):
    assert parse(sequence=sequence).sequence == sequence


def test_a_sequence_is_optional():
    assert parse().sequence is None


@pytest.mark.parametrize("sequence", [0, -1, 2**31, 10**30, True, 1.0, 1.5, "1", "", None, [1], {"n": 1}])
def test_another_sequence_is_invalid(sequence: object):
    assert errors(sequence=sequence) == [("sequence", SEQUENCE)]


def test_the_description_that_older_clients_send_is_accepted():
    described = parse(format="pcm", sampleRate=16_000, channels=1, encoding="s16le")

    assert described == parse()


@pytest.mark.parametrize(
    ("field", "supported", "values"),
    [
        ("format", "pcm", ["opus", "PCM", "", None, 1, ["pcm"]]),
        ("sampleRate", "16000", [8000, 44_100, 16_000.0, "16000", None, True]),
        ("channels", "1", [0, 2, 1.0, "1", None, True]),
        ("encoding", "s16le", ["f32le", "S16LE", "", None, 16, {"s16le": True}]),
    ],
)
def test_another_format_is_invalid(field: str, supported: str, values: list[object]):
    assert [errors(**{field: value}) for value in values] == [
        [(field, f"Invalid {field}. Supported: {supported}")]
    ] * len(values)


def test_every_invalid_field_is_listed_in_this_order():
    with pytest.raises(InvalidRequest) as error:
        NewAudio.parse({"sequence": 0, "channels": 2, "encoding": "", "sampleRate": 1, "format": "wav"})

    assert [field for field, _ in error.value.fields] == [
        *("audioData", "timestamp", "sequence", "format", "sampleRate", "channels", "encoding")
    ]
    assert [message for _, message in error.value.fields[:2]] == [
        "audioData is required",
        "timestamp is required",
    ]


def test_unknown_fields_of_older_clients_are_ignored():
    assert parse(action="audioChunk", sessionId=7, chunkId=None, duration="0.25") == parse()


@pytest.mark.parametrize("value", ["private words", ["private words"]])
def test_no_error_repeats_what_was_sent(value: object):
    sent = dict.fromkeys(("audioData", "timestamp", "sequence", "format", "sampleRate", "channels"), value)

    assert "private" not in str(errors(**sent))


def test_the_largest_chunk_fits_into_the_largest_frame():
    # With the longest values of all known fields. https://docs.aws.amazon.com/apigateway/latest/developerguide/
    # apigateway-execution-service-websocket-limits-table.html
    frame = (
        f'{{"action":"audioChunk","sessionId":"{"x" * 40}","audioData":"{base64_of(pcm(24_000))}",'
        f'"timestamp":{2**53 - 1},"sequence":{2**31 - 1},"format":"pcm","sampleRate":16000,"channels":1,'
        '"encoding":"s16le"}'
    )

    assert len(frame) <= 32 * 1024
