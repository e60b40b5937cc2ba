"""DELETE /sessions/{sessionId}, from the event to the table."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.http_events import DELETE, GET, UPDATE
from tests.support.sessions import BOB
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]


def test_a_speaker_ends_their_session_with_one_call(opened: Answer, invoke: Invoke):
    answer = invoke(DELETE, session_id=opened.body["sessionId"])

    assert (answer.status, answer.headers, answer.body) == (204, {}, None)
    assert answer.calls == ["UpdateItem"]
    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "ended"


def test_ending_an_ended_session_is_204_and_changes_nothing(opened: Answer, invoke: Invoke):
    invoke(DELETE, session_id=opened.body["sessionId"])
    before = invoke(GET, session_id=opened.body["sessionId"])

    again = invoke(DELETE, session_id=opened.body["sessionId"])

    assert (again.status, again.calls) == (204, ["UpdateItem"])
    assert invoke(GET, session_id=opened.body["sessionId"]).body == before.body


def test_a_deletion_is_told_to_operators_once(
    opened: Answer, invoke: Invoke, capsys: pytest.CaptureFixture[str]
):
    for _ in range(3):
        invoke(DELETE, session_id=opened.body["sessionId"])

    counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["SessionDeletionCount"] for line in counted if "SessionDeletionCount" in line] == [1]


def test_a_stranger_cannot_end_the_session(opened: Answer, invoke: Invoke):
    answer = invoke(DELETE, session_id=opened.body["sessionId"], speaker=BOB)

    assert (answer.status, answer.body["code"]) == (403, "NOT_AUTHORIZED")
    assert answer.body["error"] == "Not authorized to delete this session"
    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "active"


def test_a_session_that_changed_since_it_was_read_is_412(opened: Answer, invoke: Invoke):
    invoke(UPDATE, session_id=opened.body["sessionId"], body={"status": "paused"})

    answer = invoke(DELETE, session_id=opened.body["sessionId"], headers={"If-Match": opened.headers["ETag"]})

    assert (answer.status, answer.body["code"]) == (412, "VERSION_MISMATCH")
    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "paused"


def test_the_current_etag_lets_it_through(opened: Answer, invoke: Invoke):
    answer = invoke(DELETE, session_id=opened.body["sessionId"], headers={"If-Match": opened.headers["ETag"]})

    assert answer.status == 204


def test_a_change_after_the_end_leaves_it_ended(opened: Answer, invoke: Invoke):
    invoke(DELETE, session_id=opened.body["sessionId"])
    invoke(UPDATE, session_id=opened.body["sessionId"], body={"status": "active"})

    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "ended"


def test_an_expired_session_is_404(opened: Answer, invoke: Invoke, expire: Callable[[str, int], None]):
    expire(opened.body["sessionId"], int(time.time()))

    assert invoke(DELETE, session_id=opened.body["sessionId"]).status == 404


def test_an_unknown_session_is_404_and_is_not_made(table: Any, invoke: Invoke):
    assert invoke(DELETE, session_id="holy-psalm-100").status == 404
    assert invoke(GET, session_id="holy-psalm-100").status == 404


def test_nobody_is_401(opened: Answer, invoke: Invoke):
    answer = invoke(DELETE, session_id=opened.body["sessionId"], speaker=None)

    assert (answer.status, answer.calls) == (401, [])


@pytest.mark.parametrize("malformed", ["HOLY-PSALM-100", "holy-psalm-100\n", "x" * 10_000])
def test_a_malformed_id_is_404_without_a_call(table: Any, invoke: Invoke, malformed: str):
    answer = invoke(DELETE, session_id=malformed)

    assert (answer.status, answer.calls) == (404, [])
