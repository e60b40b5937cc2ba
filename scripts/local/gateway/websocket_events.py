"""What API Gateway tells functions of a WebSocket: the authorizer's question, and the events of its life.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from scripts.local.gateway.http_events import Received, trace_id

if TYPE_CHECKING:
    from scripts.local.config.websocket_api import WebSocketApi


def new_id() -> str:
    """Return a connection id or request id such as API Gateway makes: L0SM9cOFvHcCIhw=."""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


@dataclass
class Connection:
    """A WebSocket as events tell of it; `connected_at` is epoch seconds, and `authorizer` in each event."""

    handshake: Received
    connected_at: float
    id: str = field(default_factory=new_id)
    authorizer: Mapping[str, Any] | None = None


def authorize(api: "WebSocketApi", connection: Connection, request_id: str, now: float) -> dict[str, Any]:
    """Return what the REQUEST authorizer is asked with; `now` in epoch seconds."""
    return {
        "type": "REQUEST",
        "methodArn": f"{api.execution_arn}/{api.stage}/$connect",
        **_as_received(connection.handshake, {}),
        "stageVariables": dict(api.stage_variables),
        "requestContext": _context(api, connection, "$connect", "CONNECT", request_id, now),
    }


def connect(api: "WebSocketApi", connection: Connection, request_id: str, now: float) -> dict[str, Any]:
    """Return the event of $connect."""
    event = {
        **_as_received(connection.handshake, None),
        "requestContext": _context(api, connection, "$connect", "CONNECT", request_id, now),
        "isBase64Encoded": False,
    }
    return {name: value for name, value in event.items() if value is not None}


def disconnect(
    api: "WebSocketApi", connection: Connection, request_id: str, now: float, *, code: int, reason: str
) -> dict[str, Any]:
    """Return the event of $disconnect: of the handshake it tells only what the authorizer has found out."""
    headers = {"Host": api.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
    context = _context(api, connection, "$disconnect", "DISCONNECT", request_id, now)
    return {
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {**context, "disconnectStatusCode": code, "disconnectReason": reason},
        "isBase64Encoded": False,
    }


def _as_received(request: Received, nothing: dict[str, Any] | None) -> dict[str, Any]:
    """Headers as the client wrote their names, and the decoded query; `nothing` where there is no query."""
    added = {
        "X-Amzn-Trace-Id": request.header("x-amzn-trace-id") or trace_id(request),
        "X-Forwarded-For": ", ".join(filter(None, (request.header("x-forwarded-for"), request.source_ip))),
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    replaced = {name.lower() for name in added}
    headers: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name.lower() not in replaced:
            headers.setdefault(name, []).append(value)
    headers |= {name: [value] for name, value in added.items()}
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or nothing,
        "multiValueQueryStringParameters": query or nothing,
    }


def _context(
    api: "WebSocketApi", connection: Connection, route: str, event_type: str, request_id: str, now: float
) -> dict[str, Any]:
    identity = {"sourceIp": connection.handshake.source_ip}
    if user_agent := connection.handshake.header("user-agent"):
        identity["userAgent"] = user_agent
    context: dict[str, Any] = {
        "routeKey": route,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestTime": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "messageDirection": "IN",
        "stage": api.stage,
        "connectedAt": int(connection.connected_at * 1_000),
        "requestTimeEpoch": int(now * 1_000),
        "identity": identity,
        "requestId": request_id,
        "domainName": api.domain,
        "connectionId": connection.id,
        "apiId": api.id,
    }
    if connection.authorizer is not None:
        context["authorizer"] = dict(connection.authorizer)
    return context
