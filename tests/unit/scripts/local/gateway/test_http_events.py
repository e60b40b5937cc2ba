"""The event that a function gets is the one that API Gateway would send: payload format 2.0."""

import base64

import pytest

from tests.support.http_events import EVENT
from tests.unit.scripts.local.conftest import NOW

RECORDED = EVENT


def test_an_event_has_the_fields_of_a_recorded_one(url: str, client, functions, pool):
    client.post(
        f"{url}/sessions?a=1&a=2&b=",
        json={"x": 1},
        headers={"Authorization": pool.token(), "Cookie": "c=1; d=2"},
    )

    event = functions.event
    assert set(RECORDED) <= set(event)
    assert set(RECORDED["requestContext"]) <= set(event["requestContext"])
    assert set(RECORDED["requestContext"]["http"]) == set(event["requestContext"]["http"])


def test_an_event_describes_the_request(url: str, client, functions):
    client.get(f"{url}/sessions/a%20b?x=1%202&y=3&x=4", headers={"X-Twice": "a,b", "User-Agent": "tester"})

    event, context = functions.event, functions.event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "GET /sessions/{sessionId}"
    assert event["rawPath"] == "/sessions/a b"
    assert event["rawQueryString"] == "x=1%202&y=3&x=4"
    assert event["queryStringParameters"] == {"x": "1 2,4", "y": "3"}
    assert event["headers"]["x-twice"] == "a,b"
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-amzn-trace-id"].startswith("Root=1-")
    assert context["accountId"] == "123456789012"
    assert (context["apiId"], context["domainPrefix"], context["stage"]) == ("abc123", "abc123", "$default")
    assert context["http"] == {
        "method": "GET",
        "path": "/sessions/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tester",
    }
    assert (context["time"], context["timeEpoch"]) == ("15/Jan/2027:08:00:00 +0000", int(NOW) * 1_000)


def test_empty_fields_are_left_out(url: str, client, functions):
    client.get(f"{url}/open")

    left_out = {"cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"}
    assert not left_out & set(functions.event)
    assert "authorizer" not in functions.event["requestContext"]
    assert functions.event["isBase64Encoded"] is False


def test_cookies_are_a_list_and_not_a_header(url: str, client, functions):
    client.get(f"{url}/open", headers={"Cookie": "a=1; b=2"})

    assert functions.event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in functions.event["headers"]


def test_stage_variables_are_in_the_event(serve, client, functions):
    client.get(f"{serve(stage_variables=(('colour', 'green'),))}/open")

    assert functions.event["stageVariables"] == {"colour": "green"}


@pytest.mark.parametrize(
    ("content_type", "body", "is_base64"),
    [
        ("application/json", b'{"a": "\xc3\xa9"}', False),
        ("application/json; charset=utf-8", b"{}", False),
        ("text/plain", b"hello", False),
        (None, b"hello", True),
        ("application/merge-patch+json", b"{}", True),
        ("application/json", b"\xff\xfe", True),
        ("application/octet-stream", b"hello", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
    ],
)
def test_a_binary_body_is_base64(url: str, client, functions, content_type, body: bytes, is_base64: bool):
    client.post(f"{url}/open", data=body, headers={"Content-Type": content_type} if content_type else {})

    assert functions.event["isBase64Encoded"] is is_base64
    assert functions.event["body"] == (base64.b64encode(body) if is_base64 else body).decode()


def test_every_claim_is_a_string(url: str, client, functions, pool):
    token = pool.token(**{"cognito:groups": ["a", "b"], "email_verified": True, "auth_time": 7})

    client.post(f"{url}/sessions", headers={"Authorization": f"Bearer {token}"})

    jwt = functions.event["requestContext"]["authorizer"]["jwt"]
    assert jwt["claims"]["sub"] == "a-speaker"
    assert jwt["claims"]["cognito:groups"] == "[a b]"
    assert (jwt["claims"]["email_verified"], jwt["claims"]["auth_time"]) == ("true", "7")
    assert jwt["scopes"] is None
