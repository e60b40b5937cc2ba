"""GET /sessions/{sessionId}, from the event to the table."""

import json
from types import ModuleType

import pytest

from tests.support.http_events import DELETE, GET, LAMBDA_CONTEXT, REQUEST_ID, SPEAKER, event
from tests.support.sessions import NOW_S
from tests.unit.functions.conftest import Expire, Invoke, Response


def test_an_anonymous_request_gets_the_public_view_with_one_call(
    created: Response, session_id: str, invoke: Invoke
):
    response = invoke(GET, session_id=session_id)

    assert response.status == 200
    assert response.body == {name: value for name, value in created.body.items() if name != "speakerId"}
    assert response.headers == {
        "Content-Type": "application/json",
        "ETag": created.headers["ETag"],
        "Cache-Control": "max-age=1",
    }
    assert response.calls == ["GetItem"]


def test_the_public_view_does_not_reveal_the_speaker(session_id: str, invoke: Invoke):
    response = invoke(GET, session_id=session_id)

    assert SPEAKER not in str(response)
    assert "speakerId" not in response.body


def test_numbers_are_json_numbers_and_not_strings(session_id: str, invoke: Invoke):
    response = invoke(GET, session_id=session_id)

    for name in ("listenerCount", "createdAt", "updatedAt", "expiresAt"):
        assert type(response.body[name]) is int


def test_a_client_with_the_current_version_gets_304(created: Response, session_id: str, invoke: Invoke):
    response = invoke(GET, session_id=session_id, headers={"If-None-Match": created.headers["ETag"]})

    assert (response.status, response.body) == (304, None)
    assert response.headers == {"ETag": created.headers["ETag"], "Cache-Control": "max-age=1"}


def test_an_ended_session_has_the_time_at_which_it_ended(session_id: str, invoke: Invoke):
    invoke(DELETE, session_id=session_id)

    response = invoke(GET, session_id=session_id)

    assert (response.status, response.body["status"]) == (200, "ended")
    assert type(response.body["endedAt"]) is int


def test_an_expired_session_is_404(session_id: str, invoke: Invoke, expire: Expire):
    expire(session_id, NOW_S)

    response = invoke(GET, session_id=session_id)

    assert (response.status, response.body["code"]) == (404, "SESSION_NOT_FOUND")


def test_an_unknown_id_is_404_with_the_documented_error(invoke: Invoke):
    response = invoke(GET, session_id="holy-psalm-100")

    assert response.status == 404
    assert response.headers == {"Content-Type": "application/json"}
    assert {**response.body, "timestamp": 0} == {
        "error": "Session not found",
        "message": "Session not found",
        "code": "SESSION_NOT_FOUND",
        "timestamp": 0,
        "requestId": REQUEST_ID,
    }


def test_the_session_id_comes_from_the_path_parameter_and_not_from_the_path(
    handlers: dict[str, ModuleType], session_id: str
):
    request = event(GET, session_id=session_id)
    request["rawPath"] = request["requestContext"]["http"]["path"] = "/v1/sessions/holy-psalm-100/"

    response = handlers[GET].handler(request, LAMBDA_CONTEXT)

    assert json.loads(response["body"])["sessionId"] == session_id


@pytest.mark.parametrize(
    "malformed",
    ["HOLY-PSALM-100", "holy-psalm-100\n", "holy%2Fpsalm-100", "holy/psalm-100", "health", "x" * 10_000, ""],
    ids=lambda text: ascii(text)[:20],
)
def test_a_malformed_id_is_404_without_a_call(invoke: Invoke, malformed: str):
    response = invoke(GET, session_id=malformed)

    assert (response.status, response.body["code"], response.calls) == (404, "SESSION_NOT_FOUND", [])
