"""GET /sessions/{sessionId}/captions, from the event to the tables."""

from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from shared.audience.connection import SessionRef
from shared.aws.captions_table import CaptionsTable
from shared.sessions.session import Language
from tests.support import webvtt
from tests.support.captions import a_caption
from tests.support.http_events import DELETE, LAMBDA_CONTEXT, LIST_CAPTIONS, event
from tests.support.sessions import NOW, NOW_S
from tests.support.tables import CAPTIONS_TABLE
from tests.unit.functions.conftest import Expire, Invoke, Response

VTT = {"Accept": "text/vtt"}


@pytest.fixture
def captions(client: Any, created: Response, session_id: str) -> list[int]:
    """Store three captions, the first two with a Spanish translation; return their sequences."""
    history = CaptionsTable(client, CAPTIONS_TABLE)
    session = SessionRef(session_id, created.body["createdAt"])
    for sequence, second in ((1, 1), (2, 4), (7, 20)):
        caption = a_caption(sequence, session=session, spoken_at=session.created_at + second * 1000)
        history.add(caption)
        if sequence < 7:
            history.set_translations(caption, {Language.SPANISH: f"Frase {sequence}."})
    return [1, 2, 7]


def sequences(response: Response) -> list[int]:
    return [caption["sequence"] for caption in response.body["captions"]]


def test_anybody_lists_what_was_said_with_one_read_of_each_table(
    captions: list[int], session_id: str, invoke: Invoke
):
    response = invoke(LIST_CAPTIONS, session_id=session_id)

    assert (response.status, response.calls) == (200, ["GetItem", "Query"])
    assert response.headers == {
        "Content-Type": "application/json",
        "Cache-Control": "max-age=1",
        "Vary": "Accept",
    }
    assert {**response.body, "captions": sequences(response)} == {
        "sessionId": session_id,
        "language": "en",
        "captions": captions,
    }
    assert {caption["text"] for caption in response.body["captions"]} == {
        f"Sentence {sequence}." for sequence in captions
    }


def test_a_caption_without_a_translation_comes_as_it_was_spoken_and_says_so(
    captions: list[int], session_id: str, invoke: Invoke
):
    response = invoke(LIST_CAPTIONS, session_id=session_id, query={"language": "es"})

    assert [
        (caption["language"], caption["text"], caption["translated"]) for caption in response.body["captions"]
    ] == [("es", "Frase 1.", True), ("es", "Frase 2.", True), ("en", "Sentence 7.", False)]


@pytest.mark.parametrize("limit", ["1", "2", "3"])
def test_pages_lead_to_the_last_caption(captions: list[int], session_id: str, invoke: Invoke, limit: str):
    listed: list[int] = []
    after: int | None = 0
    while after is not None:
        page = invoke(LIST_CAPTIONS, session_id=session_id, query={"after": str(after), "limit": limit})
        listed += sequences(page)
        after = page.body.get("nextAfter")

    assert listed == captions


@pytest.mark.parametrize("limit", ["1", "2", "3"])
def test_the_links_of_webvtt_lead_to_the_last_cue(
    handlers: dict[str, ModuleType], captions: list[int], session_id: str, invoke: Invoke, limit: str
):
    cues: list[webvtt.Cue] = []
    query: dict[str, str] | None = {"language": "es", "limit": limit}
    while query:
        request = event(LIST_CAPTIONS, session_id=session_id, headers=VTT, query=query)
        response = handlers[LIST_CAPTIONS].handler(request, LAMBDA_CONTEXT)
        assert response["headers"]["Content-Type"] == "text/vtt; charset=utf-8"
        cues += webvtt.read(response["body"])
        query = next_query(response["headers"].get("Link"), session_id)

    assert cues == [
        ("1", 1000, 4000, "Frase 1."),
        ("2", 4000, 11_000, "Frase 2."),
        ("7", 20_000, 27_000, "Sentence 7."),
    ]


def next_query(link: str | None, session_id: str) -> dict[str, str] | None:
    if link is None:
        return None
    start, end = f"</sessions/{session_id}/captions?", '>; rel="next"'
    assert (link.startswith(start), link.endswith(end)) == (True, True)
    return dict(pair.split("=") for pair in link[len(start) : -len(end)].split("&"))


@pytest.mark.parametrize("headers", [None, VTT])
def test_a_session_without_captions_has_an_empty_list(session_id: str, invoke_raw: Any, headers: Any):
    response = invoke_raw(session_id, headers)

    assert response["statusCode"] == 200
    assert response["body"] == (
        "WEBVTT\n" if headers else f'{{"sessionId":"{session_id}","language":"en","captions":[]}}'
    )


@pytest.fixture
def invoke_raw(handlers: dict[str, ModuleType], sessions_table: None, clock: Any) -> Any:
    def invoke(session_id: str, headers: Any) -> Any:
        request = event(LIST_CAPTIONS, session_id=session_id, headers=headers)
        return handlers[LIST_CAPTIONS].handler(request, LAMBDA_CONTEXT)

    return invoke


def test_the_captions_of_a_session_that_has_ended_are_listed(
    captions: list[int], session_id: str, invoke: Invoke
):
    invoke(DELETE, session_id=session_id)

    assert sequences(invoke(LIST_CAPTIONS, session_id=session_id)) == captions


def test_the_captions_of_an_expired_session_are_404_although_they_are_stored(
    captions: list[int], session_id: str, invoke: Invoke, expire: Expire
):
    expire(session_id, NOW_S)

    response = invoke(LIST_CAPTIONS, session_id=session_id)

    assert (response.status, response.body["code"]) == (404, "SESSION_NOT_FOUND")


def test_a_recycled_id_shows_nothing_of_the_session_before(client: Any, session_id: str, invoke: Invoke):
    history = CaptionsTable(client, CAPTIONS_TABLE)
    history.add(a_caption(1, session=SessionRef(session_id, NOW - 30 * 60 * 60 * 1000)))

    assert invoke(LIST_CAPTIONS, session_id=session_id).body["captions"] == []


def test_an_unknown_or_malformed_id_is_404(invoke: Invoke):
    unknown = invoke(LIST_CAPTIONS, session_id="holy-psalm-100")
    malformed = invoke(LIST_CAPTIONS, session_id="health")

    assert (unknown.status, unknown.calls) == (404, ["GetItem"])
    assert (malformed.status, malformed.calls) == (404, [])


def test_a_400_names_every_invalid_parameter_without_a_call(invoke: Invoke):
    response = invoke(LIST_CAPTIONS, query={"language": "xx", "after": "-1", "limit": "0", "page": "2"})

    assert (response.status, response.calls) == (400, [])
    assert [detail["field"] for detail in response.body["details"]] == ["page", "language", "after", "limit"]


def test_another_media_type_is_406_without_a_call(invoke: Invoke):
    response = invoke(LIST_CAPTIONS, headers={"Accept": "text/html"})

    assert (response.status, response.body["code"], response.calls) == (406, "NOT_ACCEPTABLE", [])
    assert response.body["error"] == "Not acceptable. Supported: application/json, text/vtt"
    assert response.headers["Content-Type"] == "application/json"


def test_of_several_errors_the_first_of_400_406_404_wins(invoke: Invoke):
    html = {"Accept": "text/html"}

    assert invoke(LIST_CAPTIONS, headers=html, query={"limit": "0"}).status == 400
    assert invoke(LIST_CAPTIONS, headers=html, session_id="holy-psalm-100").status == 406


def test_the_log_has_the_status_and_nothing_of_the_text(
    captions: list[int], session_id: str, handlers: Any, clock: Any, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")

    handlers[LIST_CAPTIONS].handler(event(LIST_CAPTIONS, session_id=session_id, headers=VTT), LAMBDA_CONTEXT)

    (record,) = [record for record in caplog.records if record.name == "request"]
    assert (vars(record)["route"], vars(record)["status"]) == (LIST_CAPTIONS, 200)
    assert "Sentence" not in str(vars(record))


def test_a_history_that_does_not_answer_is_503(
    session_id: str, invoke: Invoke, client: Any, monkeypatch: pytest.MonkeyPatch
):
    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="dynamodb")

    monkeypatch.setattr(client, "query", fail)

    response = invoke(LIST_CAPTIONS, session_id=session_id)

    assert (response.status, response.headers["Retry-After"]) == (503, "1")
