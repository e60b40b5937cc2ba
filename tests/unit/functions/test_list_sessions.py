"""GET /sessions, from the event to the table."""

from typing import Any

import pytest

from tests.support.clock import Clock
from tests.support.http_events import CREATE, DELETE, LIST, SPEAKER
from tests.support.sessions import BOB
from tests.unit.functions.conftest import Invoke


@pytest.fixture
def sessions(invoke: Invoke, clock: Clock) -> list[Any]:
    """Create three sessions; return their owner views, newest first."""
    sessions = []
    for language in ("en", "de", "fr"):
        sessions.append(invoke(CREATE, body={"sourceLanguage": language}).body)
        clock.now += 1  # the order of sessions that were created in the same millisecond is not defined
    return sessions[::-1]


def test_speakers_list_the_owner_views_of_their_sessions_with_one_call(sessions: list[Any], invoke: Invoke):
    response = invoke(LIST)

    assert (response.status, response.body) == (200, {"sessions": sessions})
    assert response.headers == {"Content-Type": "application/json"}
    assert response.calls == ["Query"]


def test_the_cursor_leads_to_the_next_page_and_the_last_page_has_none(sessions: list[Any], invoke: Invoke):
    first = invoke(LIST, query={"limit": "2"})
    second = invoke(LIST, query={"limit": "2", "cursor": first.body["nextCursor"]})

    assert first.body["sessions"] == sessions[:2]
    assert second.body == {"sessions": sessions[2:]}


def test_the_list_can_be_filtered_by_status(sessions: list[Any], invoke: Invoke):
    invoke(DELETE, session_id=sessions[1]["sessionId"])

    ended = invoke(LIST, query={"status": "ended"})
    active = invoke(LIST, query={"status": "active"})

    assert [session["sessionId"] for session in ended.body["sessions"]] == [sessions[1]["sessionId"]]
    assert active.body["sessions"] == [sessions[0], sessions[2]]


def test_another_speaker_gets_an_empty_list_and_cannot_use_the_cursor(sessions: list[Any], invoke: Invoke):
    cursor = invoke(LIST, query={"limit": "1"}).body["nextCursor"]

    without_cursor = invoke(LIST, speaker=BOB)
    with_cursor = invoke(LIST, speaker=BOB, query={"limit": "1", "cursor": cursor})

    assert without_cursor.body == {"sessions": []}
    assert (with_cursor.status, with_cursor.body["details"]) == (
        400,
        [{"field": "cursor", "message": "Invalid cursor. Start again without one"}],
    )
    assert SPEAKER not in cursor
    assert with_cursor.calls == []


@pytest.mark.parametrize("limit", ["1", "20", "100"])
def test_a_limit_of_1_to_100_is_accepted(invoke: Invoke, limit: str):
    assert invoke(LIST, query={"limit": limit}).status == 200


@pytest.mark.parametrize("limit", ["0", "101", "1000", "-1", "1.0", "ten", "", " 5", "5\n", "05", "\u0665"])
def test_any_other_limit_is_400_without_a_call(invoke: Invoke, limit: str):
    response = invoke(LIST, query={"limit": limit})

    assert (response.status, response.body["error"]) == (400, "Invalid limit. Supported: 1 to 100")
    assert response.body["details"][0]["field"] == "limit"
    assert response.calls == []


def test_a_400_names_every_invalid_parameter(invoke: Invoke):
    response = invoke(LIST, query={"status": "over", "limit": "many", "page": "2"})

    assert response.status == 400
    assert {detail["field"]: detail["message"] for detail in response.body["details"]} == {
        "page": "page is not a known parameter",
        "status": "Invalid status. Supported: active, paused, ended",
        "limit": "Invalid limit. Supported: 1 to 100",
    }


def test_an_anonymous_request_is_401_even_if_it_is_also_invalid(invoke: Invoke):
    response = invoke(LIST, speaker=None, query={"limit": "many"})

    assert (response.status, response.body["code"], response.calls) == (401, "AUTHENTICATION_REQUIRED", [])
