"""The event that a function gets from an HTTP API: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from scripts.local.gateway.http_exchange import HttpExchange

# AWS does not document this list; it was found by experiment. A body without a content type is binary.
_TEXT_TYPES = ("application/json", "application/javascript", "application/xml")


async def build(exchange: HttpExchange) -> None:
    """Build the event. Fields that API Gateway leaves out when they are empty are left out."""
    api, request, route = exchange.api, exchange.received, exchange.route
    body, is_base64 = _body(exchange)
    context: dict[str, Any] = {
        "accountId": api.account,
        "apiId": api.id,
        "domainName": api.domain,
        "domainPrefix": api.domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": exchange.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent") or "",
        },
        "requestId": exchange.id,
        "routeKey": route.key,
        "stage": api.stage,
        "time": datetime.fromtimestamp(exchange.at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(exchange.at * 1_000),
    }
    if exchange.authorizer is not None:
        context["authorizer"] = exchange.authorizer
    optional = {
        "cookies": _cookies(exchange),
        "queryStringParameters": _query(request.query),
        "pathParameters": exchange.path_parameters,
        "stageVariables": dict(api.stage_variables),
        "body": body,
    }
    exchange.trace_id = request.trace_id
    exchange.event = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": exchange.path,
        "rawQueryString": request.query,
        "headers": _headers(exchange),
        "requestContext": context,
        "isBase64Encoded": is_base64,
        **{name: value for name, value in optional.items() if value},
    }


def _headers(exchange: HttpExchange) -> dict[str, str]:
    request = exchange.received
    names = dict.fromkeys(name.lower() for name, _ in request.headers)
    forwarded = filter(None, (request.header("x-forwarded-for"), request.source_ip))
    return {
        **{name: request.header(name) or "" for name in names if name != "cookie"},
        "content-length": str(len(exchange.body)),
        "x-amzn-trace-id": request.trace_id,
        "x-forwarded-for": ",".join(forwarded),
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }


def _cookies(exchange: HttpExchange) -> list[str]:
    headers = [value for name, value in exchange.received.headers if name.lower() == "cookie"]
    return [cookie.strip() for header in headers for cookie in header.split(";")]


def _query(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _body(exchange: HttpExchange) -> tuple[str, bool]:
    """Return the body as text, or in base64 and True."""
    content_type = (exchange.received.header("content-type") or "").partition(";")[0].strip().lower()
    if content_type in _TEXT_TYPES or content_type.startswith("text/"):
        try:
            return exchange.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(exchange.body).decode(), bool(exchange.body)
