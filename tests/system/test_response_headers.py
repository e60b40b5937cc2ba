"""The headers of answers that bear on security, as docs/security.md states them."""

import pytest
import requests

from tests.system.conftest import Call

ORIGIN = {"Origin": "https://live.example.com"}
BODIES = {"POST": {"sourceLanguage": "en"}, "PATCH": {"status": "paused"}}


@pytest.mark.parametrize(
    ("method", "where", "caching"),
    [
        ("POST", "/sessions", None),
        ("GET", "/sessions", None),
        ("GET", None, "max-age=1"),
        ("PATCH", None, None),
        ("DELETE", None, None),
        ("GET", "/health", "no-store"),
        ("GET", "/sessions/holy-psalm-000", None),
    ],
)
def test_an_answer_is_json_for_pages_that_carry_no_credentials(
    call: Call, alice: str, path: str, method: str, where: str | None, caching: str | None
):
    answer = call(method, where or path, token=alice, json=BODIES.get(method), headers=ORIGIN)

    assert answer.headers.get("Content-Type") == ("application/json" if answer.content else None)
    assert answer.headers.get("Cache-Control") == caching
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_only_a_lookup_that_anybody_may_make_can_be_cached(call: Call, opened: requests.Response, path: str):
    found = call("GET", path)

    assert found.headers["Cache-Control"] == "max-age=1"
    assert "speakerId" in opened.json()
    assert "speakerId" not in found.json()
