"""PATCH /sessions/{sessionId}, from the event to the table."""

import pytest

from tests.support.clock import Clock
from tests.support.http_events import DELETE, GET, SPEAKER, UPDATE
from tests.support.sessions import BOB, NOW_S
from tests.unit.functions.conftest import Expire, Invoke, Response

PAUSE = {"status": "paused"}


def test_a_speaker_updates_their_session_with_one_call(
    created: Response, session_id: str, invoke: Invoke, clock: Clock
):
    clock.now += 5000

    response = invoke(
        UPDATE,
        session_id=session_id,
        body={"status": "paused", "sourceLanguage": "fr", "qualityTier": "premium"},
    )

    assert response.status == 200
    assert response.body == created.body | {
        "status": "paused",
        "sourceLanguage": "fr",
        "qualityTier": "premium",
        "updatedAt": clock.now,
    }
    version = int(created.headers["ETag"].strip('"'))
    assert response.headers == {"Content-Type": "application/json", "ETag": f'"{version + 1}"'}
    assert response.calls == ["UpdateItem"]


def test_the_next_read_returns_the_updated_session(session_id: str, invoke: Invoke):
    updated = invoke(UPDATE, session_id=session_id, body=PAUSE)

    read = invoke(GET, session_id=session_id)

    assert (read.body["status"], read.headers["ETag"]) == ("paused", updated.headers["ETag"])


def test_another_speaker_cannot_pause_the_session(created: Response, session_id: str, invoke: Invoke):
    response = invoke(UPDATE, session_id=session_id, body=PAUSE, speaker=BOB)

    assert (response.status, response.body["code"]) == (403, "NOT_AUTHORIZED")
    assert response.body["error"] == "Not authorized to update this session"
    assert response.calls == ["UpdateItem"]
    assert invoke(GET, session_id=session_id).headers["ETag"] == created.headers["ETag"]


def test_a_403_reveals_nothing_about_the_session(session_id: str, invoke: Invoke):
    response = invoke(UPDATE, session_id=session_id, body=PAUSE, speaker=BOB, headers={"If-Match": '"1"'})

    assert response.body.keys() == {"error", "message", "code", "timestamp", "requestId"}
    assert SPEAKER not in str(response)
    assert "ETag" not in response.headers


def test_of_two_updates_with_the_same_if_match_exactly_one_succeeds(
    created: Response, session_id: str, invoke: Invoke
):
    if_match = {"If-Match": created.headers["ETag"]}

    first = invoke(UPDATE, session_id=session_id, body=PAUSE, headers=if_match)
    second = invoke(UPDATE, session_id=session_id, body={"sourceLanguage": "fr"}, headers=if_match)

    assert (first.status, second.status) == (200, 412)
    assert second.body["code"] == "VERSION_MISMATCH"
    assert invoke(GET, session_id=session_id).body["sourceLanguage"] == "en"


@pytest.mark.parametrize("body", [PAUSE, {"status": "active"}, {"sourceLanguage": "fr"}])
def test_an_ended_session_cannot_be_updated(session_id: str, invoke: Invoke, body: dict[str, str]):
    invoke(DELETE, session_id=session_id)

    response = invoke(UPDATE, session_id=session_id, body=body)

    assert (response.status, response.body["code"]) == (409, "SESSION_ENDED")
    assert invoke(GET, session_id=session_id).body["status"] == "ended"


def test_an_update_to_ended_ends_the_session_and_may_be_repeated(session_id: str, invoke: Invoke):
    first = invoke(UPDATE, session_id=session_id, body={"status": "ended"})
    second = invoke(UPDATE, session_id=session_id, body={"status": "ended"})

    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert first.body["endedAt"] == first.body["updatedAt"]


def test_an_expired_session_is_404_even_for_its_speaker(session_id: str, invoke: Invoke, expire: Expire):
    expire(session_id, NOW_S)

    response = invoke(UPDATE, session_id=session_id, body=PAUSE)

    assert (response.status, response.calls) == (404, ["UpdateItem"])


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
def test_an_invalid_body_is_400_without_a_call(session_id: str, invoke: Invoke, body: object, error: str):
    response = invoke(UPDATE, session_id=session_id, body=body)

    assert (response.status, response.body["error"], response.calls) == (400, error, [])


def test_errors_take_precedence_in_the_order_401_400_404_403_412_409(session_id: str, invoke: Invoke):
    invoke(DELETE, session_id=session_id)
    outdated, invalid = {"If-Match": '"1"'}, {"status": "x"}

    responses = [
        invoke(UPDATE, session_id="HOLY", body=invalid, headers=outdated, speaker=None),
        invoke(UPDATE, session_id="HOLY", body=invalid, headers=outdated, speaker=BOB),
        invoke(UPDATE, session_id="HOLY", body=PAUSE, headers=outdated, speaker=BOB),
        invoke(UPDATE, session_id=session_id, body=PAUSE, headers=outdated, speaker=BOB),
        invoke(UPDATE, session_id=session_id, body=PAUSE, headers=outdated),
        invoke(UPDATE, session_id=session_id, body=PAUSE),
    ]

    assert [response.status for response in responses] == [401, 400, 404, 403, 412, 409]


@pytest.mark.parametrize("malformed", ["HOLY-PSALM-100", "holy-psalm-100\n", "x" * 10_000])
def test_a_malformed_id_is_404_without_a_call(invoke: Invoke, malformed: str):
    response = invoke(UPDATE, session_id=malformed, body=PAUSE)

    assert (response.status, response.calls) == (404, [])
