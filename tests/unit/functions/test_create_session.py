"""POST /sessions, from the event to the table."""

import re
from typing import Any

import pytest

from shared.sessions import ids
from tests.support.http_events import CREATE, GET, REQUEST_ID, SPEAKER, UPDATE
from tests.support.sessions import BOB, NOW, NOW_S
from tests.support.tables import SESSIONS_TABLE
from tests.unit.functions.conftest import Expire, Invoke, Response

ENGLISH = {"sourceLanguage": "en"}


def rows(client: Any) -> list[dict[str, Any]]:
    return list(client.scan(TableName=SESSIONS_TABLE)["Items"])


def test_a_session_is_created_with_one_call(invoke: Invoke):
    response = invoke(CREATE, body={"sourceLanguage": "en", "qualityTier": "premium"})

    session_id = response.body["sessionId"]
    assert response.status == 201
    assert response.body == {
        "sessionId": session_id,
        "speakerId": SPEAKER,
        "sourceLanguage": "en",
        "qualityTier": "premium",
        "status": "active",
        "listenerCount": 0,
        "maxListeners": 500,
        "createdAt": NOW,
        "updatedAt": NOW,
        "expiresAt": NOW_S + 24 * 60 * 60,
    }
    assert re.fullmatch(r"[a-z]+-[a-z]+-[1-9][0-9]{2}", session_id)
    assert ids.is_session_id(session_id)
    assert response.headers == {
        "Content-Type": "application/json",
        "Location": f"/sessions/{session_id}",
        "ETag": f'"{NOW}"',
    }
    assert response.calls == ["PutItem"]


def test_numbers_are_json_numbers_and_not_strings(created: Response):
    numbers = {name for name, value in created.body.items() if type(value) is int}

    assert numbers == {"listenerCount", "maxListeners", "createdAt", "updatedAt", "expiresAt"}


def test_a_created_session_can_be_read_at_once(session_id: str, invoke: Invoke):
    assert invoke(GET, session_id=session_id).status == 200


def test_a_base64_body_is_decoded(invoke: Invoke):
    response = invoke(CREATE, body=b'{"sourceLanguage": "zh"}')

    assert (response.status, response.body["sourceLanguage"]) == (201, "zh")


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (None, ["sourceLanguage"]),
        ("", ["sourceLanguage"]),
        ("{", ["body"]),
        ([], ["body"]),
        ([ENGLISH], ["body"]),
        (7, ["body"]),
        ("null", ["body"]),
        (b"\xff", ["body"]),
        (" " * 5 * 1024, ["body"]),
        ('{"sourceLanguage": "en", "sourceLanguage": "fr"}', ["sourceLanguage"]),
        ('{"sourceLanguage": "en", "\\ud83d": 1}', ["body"]),
        ({"sourceLanguage": None}, ["sourceLanguage"]),
        ({"sourceLanguage": "EN"}, ["sourceLanguage"]),
        ({"sourceLanguage": " en"}, ["sourceLanguage"]),
        ({"sourceLanguage": "eng", "qualityTier": "gold", "x": 1}, ["sourceLanguage", "qualityTier", "x"]),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_an_invalid_body_is_400_and_names_each_field_without_a_call(
    invoke: Invoke, body: object, fields: list[str]
):
    response = invoke(CREATE, body=body)

    assert response.status == 400
    assert response.body["code"] == "INVALID_REQUEST"
    assert [detail["field"] for detail in response.body["details"]] == fields
    assert response.body["error"] == response.body["details"][0]["message"]
    assert response.calls == []


def test_a_json_list_as_body_is_400(invoke: Invoke):
    response = invoke(CREATE, body=["sourceLanguage"])

    assert (response.status, response.body["error"]) == (400, "Request body must be a JSON object")


def test_an_anonymous_request_is_401_even_if_it_is_also_invalid(invoke: Invoke):
    response = invoke(CREATE, body="{", speaker=None, headers={"Idempotency-Key": ""})

    assert (response.status, response.body["code"], response.calls) == (401, "AUTHENTICATION_REQUIRED", [])
    assert response.body["requestId"] == REQUEST_ID


def test_a_repeated_request_with_the_same_idempotency_key_gets_the_first_session(invoke: Invoke, client: Any):
    first = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})

    second = invoke(
        CREATE, body=b'{ "qualityTier":"standard","sourceLanguage":"en" }', headers={"idempotency-key": "k1"}
    )

    assert (second.status, second.headers, second.body) == (201, first.headers, first.body)
    assert (first.calls, second.calls) == (["TransactWriteItems"], ["TransactWriteItems", "GetItem"])
    assert len(rows(client)) == 1


def test_the_same_idempotency_key_with_another_body_is_422(invoke: Invoke, client: Any):
    invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})

    response = invoke(CREATE, body={"sourceLanguage": "fr"}, headers={"Idempotency-Key": "k1"})

    assert (response.status, response.body["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(rows(client)) == 1


def test_two_speakers_may_use_the_same_idempotency_key(invoke: Invoke):
    first = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})
    second = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"}, speaker=BOB)

    assert second.status == 201
    assert second.body["sessionId"] != first.body["sessionId"]


def test_an_idempotency_key_that_is_too_long_is_400(invoke: Invoke):
    response = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "x" * 256})

    assert (response.status, response.body["details"][0]["field"]) == (400, "Idempotency-Key")


def test_a_session_id_that_is_taken_is_not_overwritten(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    draws = iter([7, 7, 8])
    monkeypatch.setattr("secrets.randbelow", lambda n: next(draws))
    first = invoke(CREATE, body=ENGLISH)

    second = invoke(CREATE, body={"sourceLanguage": "fr"}, speaker=BOB)

    assert second.status == 201
    assert second.body["sessionId"] != first.body["sessionId"]
    assert second.calls == ["PutItem", "PutItem"]
    updated = invoke(UPDATE, session_id=first.body["sessionId"], body={"status": "active"})
    assert (updated.status, updated.body["speakerId"]) == (200, SPEAKER)
    assert "SessionIdClashCount" in capsys.readouterr().out


def test_when_all_candidate_ids_are_taken_the_response_is_503_with_retry_after(
    invoke: Invoke, client: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("secrets.randbelow", lambda n: 7)
    for _ in range(3):  # the sessions take an id of three, of six and of nine digits
        assert invoke(CREATE, body=ENGLISH).status == 201

    response = invoke(CREATE, body=ENGLISH)

    assert (response.status, response.body["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert response.headers["Retry-After"] == "1"
    assert response.calls == ["PutItem"] * 5
    assert len(rows(client)) == 3


def test_the_id_of_an_expired_session_is_reused_only_after_the_grace_period(
    invoke: Invoke, expire: Expire, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("secrets.randbelow", lambda n: 7)
    session_id = invoke(CREATE, body=ENGLISH).body["sessionId"]
    grace_s = 3 * 60 * 60

    expire(session_id, NOW_S - grace_s)
    assert invoke(CREATE, body=ENGLISH, speaker=BOB).body["sessionId"] != session_id

    expire(session_id, NOW_S - grace_s - 1)
    assert invoke(CREATE, body=ENGLISH, speaker=BOB).body["sessionId"] == session_id
