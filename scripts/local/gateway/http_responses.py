"""The response of an HTTP API: what it makes of a function's result, and how it is sent.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.http_exchange import HttpExchange, Response

# https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SET_BY_API_GATEWAY = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


class MalformedResponse(Exception):
    """The function's result is not a response in payload format 2.0."""


async def map_result(exchange: HttpExchange) -> None:
    """Make the response of the function's result; 500 when it is malformed."""
    try:
        exchange.response = _response(exchange.result.payload)
    except MalformedResponse as problem:
        raise GatewayError(500, "Internal Server Error", cause=str(problem)) from None


def send(exchange: HttpExchange) -> web.Response:
    """Return the response for aiohttp to send."""
    response = exchange.response or Response(500)
    sent = web.Response(status=response.status, body=response.body or None)
    sent.headers.extend([*response.headers, ("apigw-requestid", exchange.id)])
    if response.status in (400, 413, 431):
        sent.force_close()  # the rest of the request was not read
    return sent


def _response(payload: bytes) -> Response:
    try:
        result = json.loads(payload)
    except ValueError:
        raise MalformedResponse("not JSON") from None
    if not isinstance(result, dict) or "statusCode" not in result:
        # Anything without a status is the body of a 200.
        body = result if isinstance(result, str) else json.dumps(result, separators=(",", ":"))
        return Response(200, body.encode("utf-8", "replace"), (("content-type", "application/json"),))
    headers, body_bytes = _headers(result), _body(result)
    if body_bytes and "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain;charset=UTF-8"))
    return Response(_status(result["statusCode"]), body_bytes, headers)


def _status(status: object) -> int:
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if type(status) is not int or not 200 <= status <= 599:
        raise MalformedResponse("statusCode is not an HTTP status")
    return status


def _headers(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    headers, cookies = result.get("headers") or {}, result.get("cookies") or []
    if not isinstance(headers, dict) or not isinstance(cookies, list):
        raise MalformedResponse("headers is not an object, or cookies is not a list")
    if not all(isinstance(value, str | int | float) for value in (*headers.values(), *cookies)):
        raise MalformedResponse("a header or cookie is not a plain value")
    pairs = [
        (name.lower(), str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in headers.items()
        if name.lower() not in _SET_BY_API_GATEWAY
    ]
    pairs += [("set-cookie", str(cookie)) for cookie in cookies]
    if not all(_HEADER_NAME.fullmatch(name) and set("\r\n\0").isdisjoint(value) for name, value in pairs):
        raise MalformedResponse("a header has characters that HTTP does not allow")
    return pairs


def _body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise MalformedResponse("body is not a string")
    if not result.get("isBase64Encoded"):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        raise MalformedResponse("body is not base64") from None
