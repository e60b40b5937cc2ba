"""The WebSocket edge: $connect, $disconnect and the authorizer's question, and what they are answered.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from shared import started
from shared.aws import metrics
from shared.errors import (
    AuthenticationRequired,
    FieldError,
    InvalidRequest,
    RateLimited,
    SessionEnded,
    SessionFull,
    SessionNotFound,
    TryAgainLater,
)
from shared.events.api_gateway import Call, Errors, Event, serve
from shared.events.api_gateway import Response as Response
from shared.sessions.session import Language

# On a handshake only the status reaches a client, and a browser not even that.
ERRORS: Errors = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionEnded: (410, "SESSION_ENDED"),
    RateLimited: (429, "RATE_LIMITED"),
    SessionFull: (503, "SESSION_FULL"),
    TryAgainLater: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}


class Request(Call):
    """What a door may ask of a connection's event: what the authorizer has found out comes with each."""

    @property
    def caller(self) -> str | None:
        """The `sub` claim of the token that the authorizer has verified, None for nobody."""
        return self._authorizer.get("subject") or None

    @property
    def session_id(self) -> str:
        """The `sessionId` that the connection was asked for with. Raises InvalidRequest."""
        session_id = self._authorizer.get("sessionId")
        if not session_id:
            raise InvalidRequest(FieldError("sessionId", "sessionId is required"))
        return str(session_id)

    @property
    def connection_id(self) -> str:
        """API Gateway's name of the connection."""
        return str(self.context["connectionId"])

    @property
    def source_address(self) -> str:
        """Where the client is, as an IP address. Never log it."""
        return str(self.context["identity"]["sourceIp"])

    @property
    def target_language(self) -> Language | None:
        """The `targetLanguage` to hear, None when there is none in the query. Raises InvalidRequest."""
        value = (self.event.get("queryStringParameters") or {}).get("targetLanguage")
        if value is None:
            return None
        try:
            return Language(value)
        except ValueError:
            supported = ", ".join(Language)
            message = f"Invalid targetLanguage. Supported: {supported}"
            raise InvalidRequest(FieldError("targetLanguage", message)) from None

    @property
    def _authorizer(self) -> Mapping[str, Any]:
        return self.context.get("authorizer") or {}


class Handshake(Call):
    """What the authorizer is asked with: the client's request as it came."""

    @property
    def caller(self) -> str | None:
        """Nobody yet: that is the question."""
        return None

    @property
    def session_id(self) -> str:
        """The `sessionId` of the query, or nothing."""
        return str(self._query.get("sessionId") or "")

    @property
    def token(self) -> str | None:
        """The `token` of the query, for browsers cannot set headers on a socket, or that of Authorization."""
        if "token" in self._query:
            return str(self._query["token"])
        header = next(
            (value for name, value in self.headers.items() if name.lower() == "authorization"), None
        )
        if header is None:
            return None
        # The scheme's name has no case (RFC 9110, 11.1), and API Gateway's own authorizer needs none.
        scheme, _, token = str(header).strip().partition(" ")
        return token.strip() if scheme.lower() == "bearer" else str(header)

    @property
    def _query(self) -> Mapping[str, Any]:
        return self.event.get("queryStringParameters") or {}


def accepted() -> Response:
    """200: the connection is open."""
    return Response(200)


def endpoint(door: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of a WebSocket route."""
    return serve(door, Request, ERRORS)


class Unauthorized(Exception):
    """API Gateway answers 401 to an authorizer that fails with exactly this word."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def authorizer(door: Callable[[Handshake], str | None]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make a Lambda authorizer of a door that says who is calling: a subject, None for a listener.

    The door raises AuthenticationRequired to refuse. What is allowed is this one connection.
    """

    def handler(event: Event, _context: Any) -> dict[str, Any]:
        handshake = Handshake(event)
        try:
            subject = door(handshake)
        except AuthenticationRequired:
            metrics.log_request({"apiRequestId": handshake.id, "route": "authorize $connect", "status": 401})
            raise Unauthorized from None
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
        return {
            "principalId": metrics.speaker_digest(subject) if subject else "listener",
            "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            "context": {"sessionId": handshake.session_id, "subject": subject or ""},
        }

    started()
    return handler
