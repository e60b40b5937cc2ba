"""Requests over a socket: ids, bodies, headers and browsers."""

import http.client
import json
from urllib.parse import urlsplit

import pytest
import requests

from tests.system.conftest import TIMEOUT_S, Call, System


def raw(system: System, method: str, target: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Send a request line exactly as written; HTTP clients would normalize it."""
    connection = http.client.HTTPConnection(urlsplit(system.url).netloc, timeout=TIMEOUT_S)
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body


@pytest.mark.parametrize(
    ("written", "answered_by_us"),
    [
        ("HOLY-PSALM-100", True),
        ("holy-psalm-100%0A", True),
        ("holy-psalm-100%20", True),
        ("holy-psalm-100%00", True),
        ("holy-psalm-%D9%A1%D9%A0%D9%A0", True),
        ("holy%2Fpsalm-100", False),
        ("x/y", False),
        ("", False),
    ],
)
def test_a_malformed_id_is_404(system: System, written: str, answered_by_us: bool):
    status, body = raw(system, "GET", f"/sessions/{written}")

    assert status == 404
    assert ("code" in json.loads(body)) is answered_by_us


def test_an_id_of_ten_thousand_characters_is_404(system: System):
    status, body = raw(system, "GET", "/sessions/" + "x" * 10_000)

    assert (status, json.loads(body)["code"]) == (404, "SESSION_NOT_FOUND")


def test_the_same_id_with_its_dash_encoded_is_the_same_session(system: System, path: str):
    status, _ = raw(system, "GET", path.replace("-", "%2D"))

    assert status == 200


@pytest.mark.parametrize("target", ["/", "/nothing", "/sessions/a/b", "/Health", "/health/"])
def test_an_unknown_route_is_api_gateways_404(system: System, target: str):
    status, body = raw(system, "GET", target)

    assert (status, json.loads(body)) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ["sourceLanguage"]),
        (b"{", ["body"]),
        (b"[]", ["body"]),
        (b"7", ["body"]),
        (b"\xff\xfe", ["body"]),
        (b'{"sourceLanguage": "\xff"}', ["body"]),
        (b'{"sourceLanguage": "\\ud800", "\\ud800": 1}', ["body"]),
        (b'{"sourceLanguage": "EN", "qualityTier": null, "x": 1}', ["sourceLanguage", "qualityTier", "x"]),
        (b'{"sourceLanguage": "en", "pad": "' + b"x" * 5000 + b'"}', ["body"]),
        (b"[" * 4096, ["body"]),
    ],
    ids=lambda value: ascii(value)[:24],
)
@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", None])
def test_a_bad_body_is_400_naming_each_field(
    call: Call, alice: str, body: bytes, fields: list[str], content_type: str | None
):
    headers = {"Content-Type": content_type} if content_type else {}

    response = call("POST", "/sessions", token=alice, data=body, headers=headers)

    assert response.status_code == 400
    assert [offence["field"] for offence in response.json()["details"]] == fields


def test_a_body_in_base64_is_decoded(call: Call, alice: str):
    response = call(
        "POST",
        "/sessions",
        token=alice,
        data='{"sourceLanguage": "ja"}',
        headers={"Content-Type": "application/octet-stream"},
    )

    assert (response.status_code, response.json()["sourceLanguage"]) == (201, "ja")


def test_a_current_etag_is_304(call: Call, opened: requests.Response, path: str):
    response = call("GET", path, headers={"If-None-Match": opened.headers["ETag"]})

    assert (response.status_code, response.content) == (304, b"")


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_preflight_allows_the_method_and_the_headers(system: System, method: str):
    response = requests.options(
        f"{system.url}/sessions/holy-psalm-100",
        headers={
            "Origin": "https://live.example.com",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-match",
        },
        timeout=TIMEOUT_S,
    )

    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert method in response.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip().lower() for name in response.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"authorization", "content-type", "idempotency-key", "if-match"} <= allowed


def test_a_page_may_read_the_headers_that_its_next_request_needs(call: Call, path: str):
    response = call("GET", path, headers={"Origin": "https://live.example.com"})

    exposed = {name.strip().lower() for name in response.headers["Access-Control-Expose-Headers"].split(",")}
    assert {"etag", "location", "retry-after"} <= exposed
