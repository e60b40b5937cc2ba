"""DELETE /sessions/{sessionId}, from the event to the table."""

import json

import pytest

from tests.support.http_events import DELETE, GET, UPDATE
from tests.support.sessions import BOB, NOW_S
from tests.unit.functions.conftest import Expire, Invoke, Response


def test_a_speaker_ends_their_session_with_one_call(session_id: str, invoke: Invoke):
    response = invoke(DELETE, session_id=session_id)

    assert (response.status, response.headers, response.body) == (204, {}, None)
    assert response.calls == ["UpdateItem"]
    assert invoke(GET, session_id=session_id).body["status"] == "ended"


def test_ending_an_ended_session_is_204_and_changes_nothing(session_id: str, invoke: Invoke):
    invoke(DELETE, session_id=session_id)
    before = invoke(GET, session_id=session_id)

    second = invoke(DELETE, session_id=session_id)

    assert (second.status, second.calls) == (204, ["UpdateItem"])
    assert invoke(GET, session_id=session_id).body == before.body


def test_repeated_deletions_of_a_session_are_counted_once(
    session_id: str, invoke: Invoke, capsys: pytest.CaptureFixture[str]
):
    for _ in range(3):
        invoke(DELETE, session_id=session_id)

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [metric["SessionDeletionCount"] for metric in metrics if "SessionDeletionCount" in metric] == [1]


def test_another_speaker_cannot_end_the_session(session_id: str, invoke: Invoke):
    response = invoke(DELETE, session_id=session_id, speaker=BOB)

    assert (response.status, response.body["code"]) == (403, "NOT_AUTHORIZED")
    assert response.body["error"] == "Not authorized to delete this session"
    assert invoke(GET, session_id=session_id).body["status"] == "active"


def test_an_outdated_etag_is_412(created: Response, session_id: str, invoke: Invoke):
    invoke(UPDATE, session_id=session_id, body={"status": "paused"})

    response = invoke(DELETE, session_id=session_id, headers={"If-Match": created.headers["ETag"]})

    assert (response.status, response.body["code"]) == (412, "VERSION_MISMATCH")
    assert invoke(GET, session_id=session_id).body["status"] == "paused"


def test_the_current_etag_is_accepted(created: Response, session_id: str, invoke: Invoke):
    response = invoke(DELETE, session_id=session_id, headers={"If-Match": created.headers["ETag"]})

    assert response.status == 204


def test_an_update_of_an_ended_session_leaves_it_ended(session_id: str, invoke: Invoke):
    invoke(DELETE, session_id=session_id)
    invoke(UPDATE, session_id=session_id, body={"status": "active"})

    assert invoke(GET, session_id=session_id).body["status"] == "ended"


def test_an_expired_session_is_404(session_id: str, invoke: Invoke, expire: Expire):
    expire(session_id, NOW_S)

    assert invoke(DELETE, session_id=session_id).status == 404


def test_an_unknown_session_is_404_and_is_not_created(invoke: Invoke):
    assert invoke(DELETE, session_id="holy-psalm-100").status == 404
    assert invoke(GET, session_id="holy-psalm-100").status == 404


def test_an_anonymous_request_is_401_without_a_call(session_id: str, invoke: Invoke):
    response = invoke(DELETE, session_id=session_id, speaker=None)

    assert (response.status, response.calls) == (401, [])


@pytest.mark.parametrize("malformed", ["HOLY-PSALM-100", "holy-psalm-100\n", "x" * 10_000])
def test_a_malformed_id_is_404_without_a_call(invoke: Invoke, malformed: str):
    response = invoke(DELETE, session_id=malformed)

    assert (response.status, response.calls) == (404, [])
