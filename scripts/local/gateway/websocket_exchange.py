"""A WebSocket connection, and the exchanges of its life: the handshake, each message, and the disconnect."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web

from scripts.local.config.websocket_api import WebSocketApi
from scripts.local.gateway.chain import Exchange, GatewayError
from scripts.local.gateway.received_request import ReceivedRequest, new_id


class CloseFrame(NamedTuple):
    """Why a connection was closed: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1."""

    code: int
    reason: str


@dataclass
class Connection:
    """A connection as events describe it. `authorizer` is the authorizer's context."""

    handshake: ReceivedRequest
    id: str = field(default_factory=new_id)
    authorizer: Mapping[str, Any] | None = None


@dataclass
class WebSocketExchange(Exchange):
    """One event of a connection; `event_type` is CONNECT, MESSAGE or DISCONNECT."""

    api: WebSocketApi
    connection: Connection
    event_type: str
    message: str = ""
    closed: CloseFrame = field(init=False)
    response: str | None = field(init=False, default=None)
    refusal: web.Response | None = field(init=False, default=None)
    subprotocol: str | None = field(init=False, default=None)

    def fail(self, error: GatewayError) -> None:
        """Answer a message with the error's text, and a handshake with its status and text."""
        self.refusal = web.Response(status=error.status)
        if error.message:
            text = {"message": error.message, "connectionId": self.connection.id, "requestId": self.id}
            self.response = json.dumps(text, separators=(",", ":"))
            headers = {"x-amzn-errortype": error.error_type} if error.error_type else {}
            self.refusal = web.Response(
                status=error.status, text=self.response, content_type="application/json", headers=headers
            )

    def log_variables(self, _: float) -> dict[str, object]:
        """https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html."""
        return {
            "requestId": self.id,
            "requestTimeEpoch": int(self.at * 1_000),
            "connectionId": self.connection.id,
            "eventType": self.event_type,
            "routeKey": self.route.key if self.route else "-",
            "status": 200,
            **self.log,
        }
