"""GET /sessions/{sessionId}, from the event to the table."""

import json
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.support.http_events import DELETE, GET, LAMBDA_CONTEXT, REQUEST_ID, SPEAKER, event
from tests.unit.functions.conftest import Answer

Invoke = Callable[..., Answer]


def test_anybody_reads_the_public_view_with_one_call(opened: Answer, invoke: Invoke):
    answer = invoke(GET, session_id=opened.body["sessionId"])

    assert answer.status == 200
    assert answer.body == {name: value for name, value in opened.body.items() if name != "speakerId"}
    assert answer.headers == {
        "Content-Type": "application/json",
        "ETag": opened.headers["ETag"],
        "Cache-Control": "max-age=1",
    }
    assert answer.calls == ["GetItem"]


def test_the_public_get_never_leaks_the_speaker(opened: Answer, invoke: Invoke):
    answer = invoke(GET, session_id=opened.body["sessionId"])

    assert SPEAKER not in str(answer)
    assert "speakerId" not in answer.body


def test_numbers_are_numbers_and_no_text(opened: Answer, invoke: Invoke):
    answer = invoke(GET, session_id=opened.body["sessionId"])

    for name in ("listenerCount", "createdAt", "updatedAt", "expiresAt"):
        assert type(answer.body[name]) is int


def test_a_client_that_has_it_already_is_told_so(opened: Answer, invoke: Invoke):
    answer = invoke(
        GET, session_id=opened.body["sessionId"], headers={"If-None-Match": opened.headers["ETag"]}
    )

    assert (answer.status, answer.body) == (304, None)
    assert answer.headers == {"ETag": opened.headers["ETag"], "Cache-Control": "max-age=1"}


def test_an_ended_session_is_shown_with_its_end(opened: Answer, invoke: Invoke):
    invoke(DELETE, session_id=opened.body["sessionId"])

    answer = invoke(GET, session_id=opened.body["sessionId"])

    assert (answer.status, answer.body["status"]) == (200, "ended")
    assert type(answer.body["endedAt"]) is int


def test_an_expired_session_is_never_served(
    opened: Answer, invoke: Invoke, expire: Callable[[str, int], None]
):
    expire(opened.body["sessionId"], int(time.time()))

    answer = invoke(GET, session_id=opened.body["sessionId"])

    assert (answer.status, answer.body["code"]) == (404, "SESSION_NOT_FOUND")


def test_an_unknown_id_is_404_with_the_sentence_that_clients_know(table: Any, invoke: Invoke):
    answer = invoke(GET, session_id="holy-psalm-100")

    assert answer.status == 404
    assert answer.headers == {"Content-Type": "application/json"}
    assert {**answer.body, "timestamp": 0} == {
        "error": "Session not found",
        "code": "SESSION_NOT_FOUND",
        "timestamp": 0,
        "requestId": REQUEST_ID,
    }


def test_the_id_is_api_gateways_path_parameter_and_the_path_is_never_parsed_by_hand(
    doors: dict[str, ModuleType], opened: Answer
):
    sent = event(GET, session_id=opened.body["sessionId"])
    sent["rawPath"] = sent["requestContext"]["http"]["path"] = "/v1/sessions/holy-psalm-100/"

    answer = doors[GET].handler(sent, LAMBDA_CONTEXT)

    assert json.loads(answer["body"])["sessionId"] == opened.body["sessionId"]


@pytest.mark.parametrize(
    "malformed",
    ["HOLY-PSALM-100", "holy-psalm-100\n", "holy%2Fpsalm-100", "holy/psalm-100", "health", "x" * 10_000, ""],
    ids=lambda text: ascii(text)[:20],
)
def test_a_malformed_id_is_404_without_a_call(table: Any, invoke: Invoke, malformed: str):
    answer = invoke(GET, session_id=malformed)

    assert (answer.status, answer.body["code"], answer.calls) == (404, "SESSION_NOT_FOUND", [])
