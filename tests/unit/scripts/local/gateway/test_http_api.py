"""An HTTP API over real sockets, with a stand-in for functions: routes, limits, throttles, CORS, failures."""

import asyncio
import base64
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.local.config.http_api import Cors, Route
from scripts.local.config.routes import Throttle
from scripts.local.lambda_.invocation import Result, Throttled, TooLarge

Serve = Callable[..., str]


def _raw(url: str, request: str) -> str:
    """Send a request exactly as written, and return the short response."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=5) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode("latin-1"))
        return connection.recv(65_536).decode()


def _get(url: str, path: str) -> str:
    return _raw(url, f"GET {path} HTTP/1.1\nHost: x\nConnection: close\n\n")


# Routes


def test_a_full_match_comes_before_a_parameter(url: str, client, functions):
    client.get(f"{url}/sessions/mine")

    assert functions.event["routeKey"] == "GET /sessions/mine"


@pytest.mark.parametrize(
    ("path", "session_id"),
    [
        ("/sessions/holy-light-1", "holy-light-1"),
        ("/sessions/a%20b", "a b"),
        ("/sessions/a%0A", "a\n"),
        ("/sessions/%C3%A9", "é"),
        ("/sessions/a%252Fb", "a%2Fb"),
        ("/sessions/a+b", "a+b"),
        ("/sessions/" + "x" * 10_000, "x" * 10_000),
    ],
)
def test_a_parameter_is_one_decoded_segment(url: str, functions, path: str, session_id: str):
    response = _get(url, path)

    assert response.startswith("HTTP/1.1 200")
    assert functions.event["pathParameters"] == {"sessionId": session_id}
    assert functions.event["rawPath"] == f"/sessions/{session_id}"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/sessions/",
        "/sessions/a/b",
        "/sessions/a%2Fb",
        "/sessions/%2F",
        "//sessions/a",
        "/open/",
    ],
)
def test_an_unknown_route_is_not_found(url: str, functions, path: str):
    response = _get(url, path)

    assert response.startswith("HTTP/1.1 404")
    assert response.endswith('{"message":"Not Found"}')
    assert functions.event == {}


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_method_that_has_no_route_is_not_found(url: str, client, method: str):
    assert client.request(method, f"{url}/open").status_code == 404


@pytest.mark.parametrize("path", ["/sessions/%", "/sessions/%zz", "/sessions/%ff"])
def test_a_path_that_is_not_utf_8_is_a_bad_request(url: str, path: str):
    assert _get(url, path).startswith("HTTP/1.1 400")


def test_the_default_route_matches_what_no_other_route_does(serve: Serve, client, functions):
    url = serve((Route("", "$default", "rest"), Route("ANY", "/open/{proxy+}", "open")))

    client.put(f"{url}/open/a/b")
    greedy = functions.event
    client.put(f"{url}/elsewhere")

    assert greedy["pathParameters"] == {"proxy": "a/b"}
    assert functions.event["routeKey"] == "$default"


def test_a_named_stage_is_part_of_the_path(serve: Serve, client, functions):
    url = serve(stage="v1")

    assert client.get(f"{url}/open").status_code == 404
    assert client.get(f"{url}/v1/open").status_code == 200
    assert functions.event["rawPath"] == "/v1/open"


def test_a_route_that_may_not_invoke_its_function_is_an_internal_server_error(
    serve: Serve, client, functions
):
    url = serve((Route("GET", "/open", "open", permitted=False),))

    response = client.get(f"{url}/open")

    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
    assert functions.event == {}


def test_any_host_header_is_harmless(url: str, client, functions):
    response = client.get(f"{url}/open", headers={"Host": "evil.example"})

    assert response.status_code == 200
    assert functions.event["requestContext"]["domainName"] == "abc123.execute-api.us-east-1.amazonaws.com"


# Limits


def test_a_body_over_10_mb_is_too_large(url: str, client, functions):
    response = client.post(f"{url}/open", data=iter([b"x" * 1024 * 1024] * 11))

    assert (response.status_code, response.json()) == (413, {"message": "Request Entity Too Large"})
    assert functions.event == {}


def test_a_declared_length_over_10_mb_is_refused_at_once(url: str):
    response = _raw(url, "POST /open HTTP/1.1\nHost: x\nContent-Length: 99999999999\n\n")

    assert response.startswith("HTTP/1.1 413")


def test_an_event_too_large_for_lambda_is_too_large(url: str, client, functions):
    functions.raises = TooLarge()

    assert client.post(f"{url}/open", data=b"x").status_code == 413


@pytest.mark.parametrize(("size", "status"), [(9_000, 200), (11_000, 431), (60_000, 431)])
def test_headers_over_10_240_bytes_are_too_large(url: str, client, size: int, status: int):
    response = client.get(f"{url}/open", headers={"X-Long": "x" * size})

    assert response.status_code == status
    assert status == 200 or response.json() == {"message": "Request Header Fields Too Large"}


def test_bytes_that_are_not_http_do_not_affect_other_clients(url: str, client):
    _raw(url, "nonsense\n\n")

    assert client.get(f"{url}/open").status_code == 200


# Throttles


def _throttled(serve: Serve) -> str:
    return serve(
        (
            Route("GET", "/open", "open", throttle=Throttle(rate=2, burst=3)),
            Route("GET", "/other", "other", throttle=Throttle(rate=1, burst=1)),
        )
    )


def test_a_route_accepts_its_burst_and_then_refuses(serve: Serve, client):
    url = _throttled(serve)

    responses = [client.get(f"{url}/open") for _ in range(4)]

    assert [response.status_code for response in responses] == [200, 200, 200, 429]
    assert responses[-1].json() == {"message": "Too Many Requests"}


def test_a_throttled_route_accepts_requests_again_at_its_rate(serve: Serve, client, clock):
    url = _throttled(serve)
    for _ in range(4):
        client.get(f"{url}/open")

    clock.now += 1
    statuses = [client.get(f"{url}/open").status_code for _ in range(3)]
    clock.now += 3_600
    later = [client.get(f"{url}/open").status_code for _ in range(4)]

    assert statuses == [200, 200, 429]
    assert later == [200, 200, 200, 429]


def test_one_throttled_route_does_not_affect_others(serve: Serve, client):
    url = _throttled(serve)
    for _ in range(4):
        client.get(f"{url}/open")

    assert client.get(f"{url}/other").status_code == 200


# CORS


def test_the_api_answers_the_preflight_itself(url: str, client, functions):
    response = client.options(
        f"{url}/sessions",
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "POST"},
    )

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "https://app.example"
    assert response.headers["access-control-allow-methods"] == "GET,POST"
    assert response.headers["access-control-max-age"] == "60"
    assert functions.event == {}


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://app.example", "null", "https://app.example.evil"]
)
def test_an_origin_that_is_not_allowed_gets_no_cors_headers(url: str, client, origin: str):
    preflight = client.options(f"{url}/sessions", headers={"Origin": origin})
    simple = client.get(f"{url}/open", headers={"Origin": origin})

    assert (preflight.status_code, simple.status_code) == (204, 200)
    assert not any(name.startswith("access-control") for name in (*preflight.headers, *simple.headers))


def test_any_origin_is_allowed_as_a_star(serve: Serve, client):
    url = serve(cors=Cors(allow_origins=("*",), expose_headers=("etag",)))

    response = client.get(f"{url}/open", headers={"Origin": "https://a.example"})

    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-expose-headers"] == "etag"


def test_cors_headers_of_a_function_are_ignored(url: str, client, functions):
    functions.result = Result(
        json.dumps(
            {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "https://evil.example"}}
        ).encode()
    )

    response = client.get(f"{url}/open", headers={"Origin": "https://evil.example"})

    assert "access-control-allow-origin" not in response.headers


def test_refusals_are_readable_to_an_allowed_origin(url: str, client):
    response = client.post(f"{url}/sessions", headers={"Origin": "https://app.example"})

    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "https://app.example"


def test_without_a_cors_configuration_options_is_a_route_like_any_other(serve: Serve, client):
    url = serve()

    assert client.options(f"{url}/open").status_code == 404


# The integration


def test_a_function_slower_than_the_integration_may_be_is_service_unavailable(
    serve: Serve, client, functions
):
    async def slow(function: str, payload: bytes, *, trace_id: str = "") -> Any:
        await asyncio.Event().wait()

    functions.invoke = slow
    url = serve((Route("GET", "/open", "open", timeout=0.1),))

    response = client.get(f"{url}/open")

    assert (response.status_code, response.json()) == (503, {"message": "Service Unavailable"})


def test_a_throttled_function_is_service_unavailable(url: str, client, functions):
    functions.raises = Throttled()

    response = client.get(f"{url}/open")

    assert (response.status_code, response.json()) == (503, {"message": "Service Unavailable"})


def test_a_failed_function_is_an_internal_server_error_that_says_nothing_more(url: str, client, functions):
    functions.result = Result(b'{"errorMessage": "secret"}', error="ValueError")

    response = client.get(f"{url}/open")

    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.parametrize(
    ("result", "body", "content_type"),
    [
        ({"statusCode": 200, "body": "hi"}, b"hi", "text/plain;charset=UTF-8"),
        ({"statusCode": "200", "body": "{}", "headers": {"Content-Type": "a/b"}}, b"{}", "a/b"),
        (
            {"statusCode": 200, "body": base64.b64encode(b"\xff").decode(), "isBase64Encoded": True},
            b"\xff",
            None,
        ),
        ({"hello": "world"}, b'{"hello":"world"}', "application/json"),
        ("hello", b"hello", "application/json"),
        (None, b"null", "application/json"),
        ([1, 2], b"[1,2]", "application/json"),
    ],
)
def test_a_response_is_read_as_payload_2_0(
    url: str, client, functions, result, body: bytes, content_type: str | None
):
    functions.result = Result(json.dumps(result).encode())

    response = client.get(f"{url}/open")

    assert (response.status_code, response.content) == (200, body)
    assert content_type is None or response.headers["content-type"] == content_type


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": None},
        {"statusCode": 99},
        {"statusCode": 600},
        {"statusCode": 200.5},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_a_malformed_result_is_an_internal_server_error(url: str, client, functions, result):
    functions.result = Result(json.dumps(result).encode())

    response = client.get(f"{url}/open")

    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})


def test_every_cookie_is_set_by_a_header_of_its_own(url: str, client, functions):
    functions.result = Result(b'{"statusCode": 200, "cookies": ["a=1", "b=2; Secure"]}')

    response = client.get(f"{url}/open")

    assert response.raw.headers.getlist("set-cookie") == ["a=1", "b=2; Secure"]


@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_a_body_has_none(url: str, client, functions, status: int):
    functions.result = Result(json.dumps({"statusCode": status, "headers": {"ETag": '"1"'}}).encode())

    response = client.get(f"{url}/open")

    assert (response.status_code, response.content, response.headers["etag"]) == (status, b"", '"1"')
    assert "content-type" not in response.headers


def test_every_response_names_its_request(url: str, client, functions):
    answered, refused = client.get(f"{url}/open"), client.get(f"{url}/nothing")

    assert answered.headers["apigw-requestid"] == functions.event["requestContext"]["requestId"]
    assert refused.headers["apigw-requestid"] != answered.headers["apigw-requestid"]
