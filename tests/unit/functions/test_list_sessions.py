"""GET /sessions, from the event to the table."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.http_events import CREATE, DELETE, LIST, SPEAKER
from tests.support.sessions import BOB
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]


@pytest.fixture
def three(table: Any, invoke: Invoke) -> list[Any]:
    """Open three sessions, and give them back newest first."""
    opened = [invoke(CREATE, body={"sourceLanguage": language}).body for language in ("en", "de", "fr")]
    # All within one millisecond, perhaps: the index tells no order among those.
    for age, session in enumerate(opened):
        session["createdAt"] += age
        table.update_item(
            TableName="sessions",
            Key={"sessionId": {"S": session["sessionId"]}},
            UpdateExpression="SET createdAt = :at",
            ExpressionAttributeValues={":at": {"N": str(session["createdAt"])}},
        )
    return opened[::-1]


def test_a_speaker_sees_their_own_view_of_their_sessions_with_one_call(three: list[Any], invoke: Invoke):
    answer = invoke(LIST)

    assert (answer.status, answer.body) == (200, {"sessions": three})
    assert answer.headers == {"Content-Type": "application/json"}
    assert answer.calls == ["Query"]


def test_pages_follow_one_another_to_the_last(three: list[Any], invoke: Invoke):
    first = invoke(LIST, query={"limit": "2"})
    second = invoke(LIST, query={"limit": "2", "cursor": first.body["nextCursor"]})

    assert first.body["sessions"] == three[:2]
    assert second.body == {"sessions": three[2:]}


def test_a_status_is_all_that_is_seen(three: list[Any], invoke: Invoke):
    invoke(DELETE, session_id=three[1]["sessionId"])

    ended = invoke(LIST, query={"status": "ended"})
    active = invoke(LIST, query={"status": "active"})

    assert [session["sessionId"] for session in ended.body["sessions"]] == [three[1]["sessionId"]]
    assert active.body["sessions"] == [three[0], three[2]]


def test_another_speaker_sees_none_of_them_and_cannot_use_the_cursor(three: list[Any], invoke: Invoke):
    cursor = invoke(LIST, query={"limit": "1"}).body["nextCursor"]

    theirs = invoke(LIST, speaker=BOB)
    borrowed = invoke(LIST, speaker=BOB, query={"limit": "1", "cursor": cursor})

    assert theirs.body == {"sessions": []}
    assert (borrowed.status, borrowed.body["details"]) == (
        400,
        [{"field": "cursor", "message": "Invalid cursor. Start again without one"}],
    )
    assert SPEAKER not in cursor
    assert borrowed.calls == []


@pytest.mark.parametrize("limit", ["1", "20", "100"])
def test_a_limit_is_one_to_a_hundred(table: Any, invoke: Invoke, limit: str):
    assert invoke(LIST, query={"limit": limit}).status == 200


@pytest.mark.parametrize("limit", ["0", "101", "1000", "-1", "1.0", "ten", "", " 5", "5\n", "05", "\u0665"])
def test_any_other_limit_is_refused_by_name(table: Any, invoke: Invoke, limit: str):
    answer = invoke(LIST, query={"limit": limit})

    assert (answer.status, answer.body["error"]) == (400, "Invalid limit. Supported: 1 to 100")
    assert answer.body["details"][0]["field"] == "limit"
    assert answer.calls == []


def test_every_offending_parameter_is_named_at_once(table: Any, invoke: Invoke):
    answer = invoke(LIST, query={"status": "over", "limit": "many", "page": "2"})

    assert answer.status == 400
    assert {detail["field"]: detail["message"] for detail in answer.body["details"]} == {
        "page": "page is not a known parameter",
        "status": "Invalid status. Supported: active, paused, ended",
        "limit": "Invalid limit. Supported: 1 to 100",
    }


def test_nobody_lists_without_a_name(table: Any, invoke: Invoke):
    answer = invoke(LIST, speaker=None, query={"limit": "many"})

    assert (answer.status, answer.body["code"], answer.calls) == (401, "AUTHENTICATION_REQUIRED", [])
