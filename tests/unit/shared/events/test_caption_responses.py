"""Captions as responses: the media type that the header Accept asks for, and the next page."""

import json

import pytest

from shared.captions.caption import CaptionPage, StoredCaption
from shared.captions.list import ListedCaptions
from shared.errors import NotAcceptable
from shared.events import caption_responses
from shared.events.http_api import Request
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.sessions import NOW, a_session
from tests.support.webvtt import read

JSON, VTT = "application/json", "text/vtt"


def request(accept: str | None) -> Request:
    return Request({"headers": {} if accept is None else {"accept": accept}})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("  ", JSON),
        ("*/*", JSON),
        ("application/json", JSON),
        ("application/*", JSON),
        ("text/vtt", VTT),
        ("Text/VTT", VTT),
        ("text/*", VTT),
        ("text/vtt;charset=utf-8", VTT),
        ("text/vtt ; q=0.5", VTT),
        ("text/vtt, */*;q=0.1", VTT),
        ("text/vtt, application/json", JSON),
        ("application/json;q=0.9, text/vtt", VTT),
        ("application/json;q=0.9,text/vtt;q=0.8", JSON),
        ("text/vtt;q=0.5, */*", JSON),
        ("application/json;q=0, */*", VTT),
        ("application/json;q=0, text/vtt;q=0.001", VTT),
        ("text/*;q=0.3, text/vtt;q=0.7, */*;q=0.5", VTT),
        ("text/*;q=0.3, */*;q=0.5", JSON),
        ("text/vtt;q=1.000, application/json;q=0.999", VTT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("text/html, text/vtt", VTT),
        ("nonsense, text/vtt", VTT),
        (",, text/vtt ,", VTT),
        ("text/vtt;q=high, application/json;q=0.1", JSON),
        ("text/vtt;q=1.5, application/json;q=0.1", JSON),
    ],
)
def test_the_type_that_the_client_prefers_is_chosen(accept: str | None, expected: str):
    assert caption_responses.media_type(request(accept)) == expected


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/xml, image/*",
        "*/*;q=0",
        "text/vtt;q=0",
        "text/vtt;q=0.0, application/json;q=0.000",
        "application/json;q=0, application/*",
        "text",
        "*",
        "vtt/*/x",
        "text/vtt;q=2",
        ";;;",
        "text/ vtt",
    ],
)
def test_a_client_that_accepts_neither_is_refused(accept: str):
    with pytest.raises(NotAcceptable, match=r"^Not acceptable\. Supported: application/json, text/vtt$"):
        caption_responses.media_type(request(accept))


def page(next_after: int | None = None, following: StoredCaption | None = None) -> ListedCaptions:
    translated = StoredCaption(caption=a_caption(8), translations={Language.SPANISH: "Frase ocho."})
    captions = [translated, StoredCaption(caption=a_caption(9, spoken_at=NOW + 1000))]
    return ListedCaptions(a_session(), Language.SPANISH, CaptionPage(captions, next_after, following), 2)


def test_json_has_each_caption_in_the_language_or_as_it_was_spoken():
    response = caption_responses.listed(page(), JSON).to_api_gateway()

    assert response["statusCode"] == 200
    assert response["headers"] == {
        "Content-Type": "application/json",
        "Cache-Control": "max-age=1",
        "Vary": "Accept",
    }
    assert json.loads(response["body"]) == {
        "sessionId": "blessed-shepherd-427",
        "language": "es",
        "captions": [
            {
                "sequence": 8,
                "language": "es",
                "text": "Frase ocho.",
                "sourceLanguage": "en",
                "translated": True,
                "spokenAt": NOW,
            },
            {
                "sequence": 9,
                "language": "en",
                "text": "Sentence 9.",
                "sourceLanguage": "en",
                "translated": False,
                "spokenAt": NOW + 1000,
            },
        ],
    }


def test_json_names_the_next_page_if_something_follows():
    response = caption_responses.listed(page(9), JSON).to_api_gateway()

    assert json.loads(response["body"])["nextAfter"] == 9
    assert "Link" not in response["headers"]


def test_webvtt_has_the_same_captions_with_times_since_the_session_was_created():
    response = caption_responses.listed(page(), VTT).to_api_gateway()

    assert response["headers"] == {
        "Content-Type": "text/vtt; charset=utf-8",
        "Cache-Control": "max-age=1",
        "Vary": "Accept",
    }
    assert read(response["body"]) == [
        ("8", 0, 1000, "Frase ocho."),
        ("9", 1000, 8000, "Sentence 9."),
    ]


def test_webvtt_links_to_the_next_page_and_ends_its_last_cue_there():
    following = StoredCaption(caption=a_caption(12, spoken_at=NOW + 3000))

    response = caption_responses.listed(page(9, following), VTT).to_api_gateway()

    assert response["headers"]["Link"] == (
        '</sessions/blessed-shepherd-427/captions?language=es&after=9&limit=2>; rel="next"'
    )
    assert read(response["body"])[-1].end == 3000
