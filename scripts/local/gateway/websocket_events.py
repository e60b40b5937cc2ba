"""The events that functions get from a WebSocket API: the authorizer's, $connect's, messages, $disconnect's.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from scripts.local.gateway.received_request import ReceivedRequest, new_id
from scripts.local.gateway.websocket_exchange import WebSocketExchange


def authorizer_event(exchange: WebSocketExchange) -> dict[str, Any]:
    """Return the event of the REQUEST authorizer. Without a query its parameters are empty."""
    api = exchange.api
    query = _query(exchange.connection.handshake)
    return {
        "type": "REQUEST",
        "methodArn": f"{api.execution_arn}/{api.stage}/$connect",
        **_headers(exchange.connection.handshake),
        "queryStringParameters": {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "stageVariables": dict(api.stage_variables),
        "requestContext": _context(exchange),
    }


async def build_connect(exchange: WebSocketExchange) -> None:
    """Build the event of $connect. Without a query it has no parameters."""
    query = _query(exchange.connection.handshake)
    exchange.event = {
        **_headers(exchange.connection.handshake),
        "requestContext": _context(exchange),
        "isBase64Encoded": False,
    }
    if query:
        exchange.event["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
        exchange.event["multiValueQueryStringParameters"] = query


async def build_message(exchange: WebSocketExchange) -> None:
    """Build the event of a message. It has no headers, and the authorizer's context."""
    exchange.event = {
        "requestContext": {**_context(exchange), "messageId": new_id()},
        "body": exchange.message,
        "isBase64Encoded": False,
    }


async def build_disconnect(exchange: WebSocketExchange) -> None:
    """Build the event of $disconnect. It has nothing of the handshake except the authorizer's context."""
    headers = {"Host": exchange.api.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    code, reason = exchange.closed
    exchange.event = {
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {
            **_context(exchange),
            "disconnectStatusCode": code,
            "disconnectReason": reason,
        },
        "isBase64Encoded": False,
    }


def _headers(handshake: ReceivedRequest) -> dict[str, Any]:
    """Return the headers with their names as the client wrote them, and those that API Gateway adds."""
    forwarded = filter(None, (handshake.header("x-forwarded-for"), handshake.source_ip))
    added = {
        "X-Amzn-Trace-Id": handshake.trace_id,
        "X-Forwarded-For": ", ".join(forwarded),
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    replaced = {name.lower() for name in added}
    headers: dict[str, list[str]] = {}
    for name, value in handshake.headers:
        if name.lower() not in replaced:
            headers.setdefault(name, []).append(value)
    headers |= {name: [value] for name, value in added.items()}
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
    }


def _query(handshake: ReceivedRequest) -> dict[str, list[str]]:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(handshake.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return query


def _context(exchange: WebSocketExchange) -> dict[str, Any]:
    api, connection = exchange.api, exchange.connection
    identity = {"sourceIp": connection.handshake.source_ip}
    if user_agent := connection.handshake.header("user-agent"):
        identity["userAgent"] = user_agent
    context: dict[str, Any] = {
        "routeKey": exchange.route.key,
        "eventType": exchange.event_type,
        "extendedRequestId": exchange.id,
        "requestTime": datetime.fromtimestamp(exchange.at, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": api.stage,
        "connectedAt": int(connection.handshake.at * 1_000),
        "requestTimeEpoch": int(exchange.at * 1_000),
        "identity": identity,
        "requestId": exchange.id,
        "domainName": api.domain,
        "connectionId": connection.id,
        "apiId": api.id,
    }
    if connection.authorizer is not None:
        context["authorizer"] = dict(connection.authorizer)
    return context
