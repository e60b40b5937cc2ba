"""PATCH /sessions/{sessionId}, from the event to the table."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.http_events import DELETE, GET, SPEAKER, UPDATE
from tests.support.sessions import BOB
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]
PAUSE = {"status": "paused"}


def test_a_speaker_changes_their_session_with_one_call(opened: Answer, invoke: Invoke):
    answer = invoke(
        UPDATE,
        session_id=opened.body["sessionId"],
        body={"status": "paused", "sourceLanguage": "fr", "qualityTier": "premium"},
    )

    assert answer.status == 200
    assert answer.body == opened.body | {
        "status": "paused",
        "sourceLanguage": "fr",
        "qualityTier": "premium",
        "updatedAt": answer.body["updatedAt"],
    }
    assert answer.body["updatedAt"] >= opened.body["updatedAt"]
    version = int(opened.headers["ETag"].strip('"'))
    assert answer.headers == {"Content-Type": "application/json", "ETag": f'"{version + 1}"'}
    assert answer.calls == ["UpdateItem"]


def test_a_change_is_what_the_next_reader_sees(opened: Answer, invoke: Invoke):
    changed = invoke(UPDATE, session_id=opened.body["sessionId"], body=PAUSE)

    read = invoke(GET, session_id=opened.body["sessionId"])

    assert (read.body["status"], read.headers["ETag"]) == ("paused", changed.headers["ETag"])


def test_a_stranger_cannot_pause_the_session(opened: Answer, invoke: Invoke):
    answer = invoke(UPDATE, session_id=opened.body["sessionId"], body=PAUSE, speaker=BOB)

    assert (answer.status, answer.body["code"]) == (403, "NOT_AUTHORIZED")
    assert answer.body["error"] == "Not authorized to update this session"
    assert answer.calls == ["UpdateItem"]
    assert invoke(GET, session_id=opened.body["sessionId"]).headers["ETag"] == opened.headers["ETag"]


def test_a_stranger_learns_nothing_of_the_session(opened: Answer, invoke: Invoke):
    answer = invoke(
        UPDATE, session_id=opened.body["sessionId"], body=PAUSE, speaker=BOB, headers={"If-Match": '"1"'}
    )

    assert answer.body.keys() == {"error", "code", "timestamp", "requestId"}
    assert SPEAKER not in str(answer)
    assert "ETag" not in answer.headers


def test_of_two_changes_with_the_same_if_match_exactly_one_wins(opened: Answer, invoke: Invoke):
    if_match = {"If-Match": opened.headers["ETag"]}

    first = invoke(UPDATE, session_id=opened.body["sessionId"], body=PAUSE, headers=if_match)
    second = invoke(
        UPDATE, session_id=opened.body["sessionId"], body={"sourceLanguage": "fr"}, headers=if_match
    )

    assert (first.status, second.status) == (200, 412)
    assert second.body["code"] == "VERSION_MISMATCH"
    assert invoke(GET, session_id=opened.body["sessionId"]).body["sourceLanguage"] == "en"


@pytest.mark.parametrize("body", [PAUSE, {"status": "active"}, {"sourceLanguage": "fr"}])
def test_an_ended_session_is_not_revived(opened: Answer, invoke: Invoke, body: dict[str, str]):
    invoke(DELETE, session_id=opened.body["sessionId"])

    answer = invoke(UPDATE, session_id=opened.body["sessionId"], body=body)

    assert (answer.status, answer.body["code"]) == (409, "SESSION_ENDED")
    assert invoke(GET, session_id=opened.body["sessionId"]).body["status"] == "ended"


def test_a_patch_to_ended_ends_and_may_be_sent_again(opened: Answer, invoke: Invoke):
    first = invoke(UPDATE, session_id=opened.body["sessionId"], body={"status": "ended"})
    second = invoke(UPDATE, session_id=opened.body["sessionId"], body={"status": "ended"})

    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert first.body["endedAt"] == first.body["updatedAt"]


def test_an_expired_session_is_404_also_to_its_speaker(
    opened: Answer, invoke: Invoke, expire: Callable[[str, int], None]
):
    expire(opened.body["sessionId"], int(time.time()))

    answer = invoke(UPDATE, session_id=opened.body["sessionId"], body=PAUSE)

    assert (answer.status, answer.calls) == (404, ["UpdateItem"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (None, "No valid updates provided"),
        ({}, "No valid updates provided"),
        ({"listenerCount": 5}, "No valid updates provided"),
        ({"status": None}, "Invalid status. Supported: active, paused, ended"),
        ({"status": "paused", "speakerId": BOB}, "speakerId is not a known field"),
        ([], "Request body must be a JSON object"),
        ("{", "Request body must be JSON in UTF-8"),
        ("x" * 5000, "Request body must be at most 4096 bytes"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_bad_body_is_400_without_a_call(opened: Answer, invoke: Invoke, body: object, error: str):
    answer = invoke(UPDATE, session_id=opened.body["sessionId"], body=body)

    assert (answer.status, answer.body["error"], answer.calls) == (400, error, [])


def test_the_first_of_401_400_404_403_412_409_wins(table: Any, opened: Answer, invoke: Invoke):
    ended = opened.body["sessionId"]
    invoke(DELETE, session_id=ended)
    stale, bad = {"If-Match": '"1"'}, {"status": "x"}

    answers = [
        invoke(UPDATE, session_id="HOLY", body=bad, headers=stale, speaker=None),
        invoke(UPDATE, session_id="HOLY", body=bad, headers=stale, speaker=BOB),
        invoke(UPDATE, session_id="HOLY", body=PAUSE, headers=stale, speaker=BOB),
        invoke(UPDATE, session_id=ended, body=PAUSE, headers=stale, speaker=BOB),
        invoke(UPDATE, session_id=ended, body=PAUSE, headers=stale),
        invoke(UPDATE, session_id=ended, body=PAUSE),
    ]

    assert [answer.status for answer in answers] == [401, 400, 404, 403, 412, 409]


@pytest.mark.parametrize("malformed", ["HOLY-PSALM-100", "holy-psalm-100\n", "x" * 10_000])
def test_a_malformed_id_is_404_without_a_call(table: Any, invoke: Invoke, malformed: str):
    answer = invoke(UPDATE, session_id=malformed, body=PAUSE)

    assert (answer.status, answer.calls) == (404, [])
