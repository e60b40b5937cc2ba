"""Payload format 2.0: what API Gateway hands to a function, and what it makes of the function's answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from scripts.local.config.http_api import HttpApi, Route

# AWS documents no list; people found this one by trying. A body with no content type is not in it.
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110
_KEPT_BY_THE_GATEWAY = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


@dataclass(frozen=True)
class Received:
    """A request as it came in: `path` is decoded, `headers` and `query` are not."""

    id: str
    method: str
    path: str
    query: str
    protocol: str
    source_ip: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    at: float
    """Epoch seconds."""

    def header(self, name: str) -> str | None:
        """Return the values of a header joined by commas; `name` in lower case."""
        values = [value for given, value in self.headers if given.lower() == name]
        return ",".join(values) if values else None


def build(
    request: Received,
    api: "HttpApi",
    route: "Route",
    path_parameters: Mapping[str, str],
    authorizer: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the event; fields that API Gateway leaves out when they are empty are not there."""
    at = datetime.fromtimestamp(request.at, UTC)
    cookies = [
        cookie.strip()
        for name, value in request.headers
        if name.lower() == "cookie"
        for cookie in value.split(";")
    ]
    body, is_base64 = _body(request)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "cookies": cookies,
        "headers": _headers(request),
        "queryStringParameters": _query(request.query),
        "requestContext": {
            "accountId": api.account,
            "apiId": api.id,
            "authorizer": authorizer,
            "domainName": api.domain,
            "domainPrefix": api.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": request.protocol,
                "sourceIp": request.source_ip,
                "userAgent": request.header("user-agent") or "",
            },
            "requestId": request.id,
            "routeKey": route.key,
            "stage": api.stage,
            "time": at.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(request.at * 1_000),
        },
        "pathParameters": dict(path_parameters),
        "stageVariables": dict(api.stage_variables),
        "body": body,
        "isBase64Encoded": is_base64,
    }
    if authorizer is None:
        del event["requestContext"]["authorizer"]
    for name in ("cookies", "queryStringParameters", "pathParameters", "stageVariables", "body"):
        if not event[name]:
            del event[name]
    return event


def _headers(request: Received) -> dict[str, str]:
    names = dict.fromkeys(name.lower() for name, _ in request.headers)
    headers = {name: request.header(name) or "" for name in names if name != "cookie"}
    forwarded = ",".join(filter(None, (headers.get("x-forwarded-for"), request.source_ip)))
    return {
        **headers,
        "content-length": str(len(request.body)),
        "x-amzn-trace-id": headers.get("x-amzn-trace-id") or trace_id(request),
        "x-forwarded-for": forwarded,
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def trace_id(request: Received) -> str:
    """Return an X-Ray root for the request."""
    seed = binascii.crc32(request.id.encode())
    return f"Root=1-{int(request.at):08x}-{request.id.encode().hex()[:16]}{seed:08x}"


def _query(raw: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(raw, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(request: Received) -> tuple[str, bool]:
    content_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type in _TEXT_TYPES or content_type.startswith("text/"):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), bool(request.body)


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = field(default=())


class Nonsense(Exception):
    """The function's answer is not one that API Gateway understands."""


def answer(payload: bytes) -> Answer:
    """Read what a function returned. Raises Nonsense."""
    try:
        result = json.loads(payload)
    except ValueError:
        raise Nonsense("not JSON") from None
    if not isinstance(result, dict) or "statusCode" not in result:
        # API Gateway takes anything without a status for the body of a 200.
        bare = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        return Answer(200, bare.encode("utf-8", "replace"), (("content-type", "application/json"),))
    headers = _answered_headers(result)
    body = _answered_body(result)
    if body and "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return Answer(_status(result["statusCode"]), body, headers)


def _status(given: object) -> int:
    if isinstance(given, str) and given.isdecimal():
        given = int(given)
    if type(given) is not int or not 200 <= given <= 599:
        raise Nonsense("statusCode is not an HTTP status")
    return given


def _answered_headers(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers, cookies = result.get("headers") or {}, result.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise Nonsense("headers is not an object, or cookies is not a list")
    if not all(isinstance(value, str | int | float) for value in (*headers.values(), *cookies)):
        raise Nonsense("a header or cookie is not a plain value")
    named = [
        (name.lower(), str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in headers.items()
        if name.lower() not in _KEPT_BY_THE_GATEWAY
    ]
    named += [("set-cookie", str(cookie)) for cookie in cookies]
    if not all(_HEADER_NAME.fullmatch(name) and set("\r\n\0").isdisjoint(value) for name, value in named):
        raise Nonsense("a header cannot be sent")
    return named


def _answered_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Nonsense("body is not a string")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise Nonsense("body is not base64") from None
