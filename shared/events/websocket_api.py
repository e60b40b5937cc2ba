"""The WebSocket API: events of $connect and $disconnect become requests, exceptions become statuses.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import (
    FieldError,
    InvalidRequest,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionFull,
    SessionNotFound,
)
from shared.events import api_gateway
from shared.events.api_gateway import Event, GatewayEvent
from shared.events.api_gateway import Response as Response
from shared.sessions.session import Language

# Of the response to $connect only the status reaches a client, and a browser does not even expose that.
ERRORS: api_gateway.ErrorTable = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionEnded: (410, "SESSION_ENDED"),
    RateLimited: (429, "RATE_LIMITED"),
    SessionFull: (503, "SESSION_FULL"),
    ServiceUnavailable: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}


# AWS does not document that a message {"action": "$disconnect"} cannot select the route of this name.
EVENT_TYPES = {"$connect": "CONNECT", "$disconnect": "DISCONNECT"}


class Request(GatewayEvent):
    """An event of a connection. The authorizer's context is part of every event."""

    @property
    def caller(self) -> str | None:
        """The `sub` claim of the token that the authorizer has verified, None for an anonymous caller."""
        return self._authorizer.get("subject") or None

    @property
    def session_id(self) -> str:
        """The query parameter `sessionId` of the handshake. Raises InvalidRequest."""
        session_id = self._authorizer.get("sessionId")
        if not session_id:
            raise InvalidRequest(FieldError("sessionId", "sessionId is required"))
        return str(session_id)

    @property
    def connection_id(self) -> str:
        """API Gateway's id of the connection."""
        return str(self.context["connectionId"])

    @property
    def source_address(self) -> str:
        """The client's IP address. Never log it."""
        return str(self.context["identity"]["sourceIp"])

    @property
    def target_language(self) -> Language | None:
        """The query parameter `targetLanguage`, None if it is absent. Raises InvalidRequest."""
        value = (self.event.get("queryStringParameters") or {}).get("targetLanguage")
        if value is None:
            return None
        try:
            return Language(value)
        except ValueError:
            message = f"Invalid targetLanguage. Supported: {', '.join(Language)}"
            raise InvalidRequest(FieldError("targetLanguage", message)) from None

    def check_event_type(self) -> None:
        """Raise InvalidRequest when a client's message has selected the route of a connection's own event."""
        if self.context.get("eventType") != EVENT_TYPES.get(self.route, "MESSAGE"):
            raise InvalidRequest(FieldError("action", f"{self.route} is not an action"))

    @property
    def _authorizer(self) -> Mapping[str, Any]:
        return self.context.get("authorizer") or {}


def endpoint(handler: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of a WebSocket route; it refuses events of another type than the route's."""

    @functools.wraps(handler)
    def checked(request: Request) -> Response:
        request.check_event_type()
        return handler(request)

    return api_gateway.endpoint(checked, Request, ERRORS)


def accepted() -> Response:
    """Return 200."""
    return Response(200)
