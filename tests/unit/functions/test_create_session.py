"""POST /sessions, from the event to the table."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from shared.sessions import ids
from tests.support.http_events import CREATE, GET, REQUEST_ID, SPEAKER, UPDATE
from tests.support.sessions import BOB
from tests.support.tables import SESSIONS_TABLE
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]
ENGLISH = {"sourceLanguage": "en"}


def rows(table: Any) -> list[dict[str, Any]]:
    return table.scan(TableName=SESSIONS_TABLE)["Items"]


def test_a_session_is_opened_with_one_call(table: Any, invoke: Invoke):
    before = time.time_ns() // 1_000_000

    answer = invoke(CREATE, body={"sourceLanguage": "en", "qualityTier": "premium"})

    created_at = answer.body["createdAt"]
    assert answer.status == 201
    assert answer.body == {
        "sessionId": answer.body["sessionId"],
        "speakerId": SPEAKER,
        "sourceLanguage": "en",
        "qualityTier": "premium",
        "status": "active",
        "listenerCount": 0,
        "createdAt": created_at,
        "updatedAt": created_at,
        "expiresAt": created_at // 1000 + 24 * 60 * 60,
    }
    assert before <= created_at <= time.time_ns() // 1_000_000
    assert re.fullmatch(r"[a-z]+-[a-z]+-[1-9][0-9]{2}", answer.body["sessionId"])
    assert ids.is_session_id(answer.body["sessionId"])
    assert answer.headers == {
        "Content-Type": "application/json",
        "Location": f"/sessions/{answer.body['sessionId']}",
        "ETag": f'"{created_at}"',
    }
    assert answer.calls == ["PutItem"]


def test_numbers_are_json_numbers_and_no_text(opened: Answer):
    numbers = {name for name, value in opened.body.items() if type(value) is int}

    assert numbers == {"listenerCount", "createdAt", "updatedAt", "expiresAt"}


def test_whoever_was_told_the_id_can_read_it_at_once(opened: Answer, invoke: Invoke):
    assert invoke(GET, session_id=opened.body["sessionId"]).status == 200


def test_a_base64_body_is_decoded(table: Any, invoke: Invoke):
    answer = invoke(CREATE, body=b'{"sourceLanguage": "zh"}')

    assert (answer.status, answer.body["sourceLanguage"]) == (201, "zh")


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
def test_a_bad_body_is_400_naming_each_field_without_a_call(
    table: Any, invoke: Invoke, body: object, fields: list[str]
):
    answer = invoke(CREATE, body=body)

    assert answer.status == 400
    assert answer.body["code"] == "INVALID_REQUEST"
    assert [offence["field"] for offence in answer.body["details"]] == fields
    assert answer.body["error"] == answer.body["details"][0]["message"]
    assert answer.calls == []


def test_a_body_that_is_a_list_is_400_and_no_crash(table: Any, invoke: Invoke):
    answer = invoke(CREATE, body=["sourceLanguage"])

    assert (answer.status, answer.body["error"]) == (400, "Request body must be a JSON object")


def test_nobody_is_401_before_anything_else(table: Any, invoke: Invoke):
    answer = invoke(CREATE, body="{", speaker=None, headers={"Idempotency-Key": ""})

    assert (answer.status, answer.body["code"], answer.calls) == (401, "AUTHENTICATION_REQUIRED", [])
    assert answer.body["requestId"] == REQUEST_ID


def test_the_same_key_gets_the_first_session_back_as_201(table: Any, invoke: Invoke):
    first = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})

    again = invoke(
        CREATE, body=b'{ "qualityTier":"standard","sourceLanguage":"en" }', headers={"idempotency-key": "k1"}
    )

    assert (again.status, again.headers, again.body) == (201, first.headers, first.body)
    assert again.calls == ["PutItem"]
    assert len(rows(table)) == 1


def test_the_same_key_with_another_body_is_422(table: Any, invoke: Invoke):
    invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})

    answer = invoke(CREATE, body={"sourceLanguage": "fr"}, headers={"Idempotency-Key": "k1"})

    assert (answer.status, answer.body["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(rows(table)) == 1


def test_another_speaker_may_use_the_same_key(table: Any, invoke: Invoke):
    hers = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"})
    his = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "k1"}, speaker=BOB)

    assert his.status == 201
    assert his.body["sessionId"] != hers.body["sessionId"]


def test_a_key_that_is_none_is_400(table: Any, invoke: Invoke):
    answer = invoke(CREATE, body=ENGLISH, headers={"Idempotency-Key": "x" * 256})

    assert (answer.status, answer.body["details"][0]["field"]) == (400, "Idempotency-Key")


def test_a_clash_of_ids_never_overwrites_a_live_session(
    table: Any, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    draws = iter([7, 7, 8])
    monkeypatch.setattr("secrets.randbelow", lambda n: next(draws))
    hers = invoke(CREATE, body=ENGLISH)

    his = invoke(CREATE, body={"sourceLanguage": "fr"}, speaker=BOB)

    assert his.status == 201
    assert his.body["sessionId"] != hers.body["sessionId"]
    assert his.calls == ["PutItem", "PutItem"]
    still_hers = invoke(UPDATE, session_id=hers.body["sessionId"], body={"status": "active"})
    assert (still_hers.status, still_hers.body["speakerId"]) == (200, SPEAKER)
    assert "SessionIdClashCount" in capsys.readouterr().out


def test_a_crowded_table_is_503_with_a_time_to_come_back(
    table: Any, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("secrets.randbelow", lambda n: 7)
    for _ in range(3):  # one holds the three-digit id, one the six-digit id, one the nine-digit id
        assert invoke(CREATE, body=ENGLISH).status == 201

    answer = invoke(CREATE, body=ENGLISH)

    assert (answer.status, answer.body["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"
    assert answer.calls == ["PutItem"] * 5
    assert len(rows(table)) == 3


def test_an_expired_id_can_be_taken_after_the_grace_and_not_before(
    table: Any, invoke: Invoke, expire: Callable[[str, int], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("secrets.randbelow", lambda n: 7)
    old = invoke(CREATE, body=ENGLISH).body["sessionId"]
    grace = 3 * 60 * 60

    expire(old, int(time.time()) - grace + 60)
    assert invoke(CREATE, body=ENGLISH, speaker=BOB).body["sessionId"] != old

    expire(old, int(time.time()) - grace - 60)
    assert invoke(CREATE, body=ENGLISH, speaker=BOB).body["sessionId"] == old
