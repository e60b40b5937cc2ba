"""The security headers of responses, as docs/security.md states them."""

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
def test_a_response_is_json_for_any_origin_without_credentials(
    call: Call, alice: str, path: str, method: str, where: str | None, caching: str | None
):
    response = call(method, where or path, token=alice, json=BODIES.get(method), headers=ORIGIN)

    assert response.headers.get("Content-Type") == ("application/json" if response.content else None)
    assert response.headers.get("Cache-Control") == caching
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    assert "Set-Cookie" not in response.headers


def test_only_the_public_view_can_be_cached(call: Call, opened: requests.Response, path: str):
    session = call("GET", path)

    assert session.headers["Cache-Control"] == "max-age=1"
    assert "speakerId" in opened.json()
    assert "speakerId" not in session.json()
