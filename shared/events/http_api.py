"""The HTTP API: events become requests, results and exceptions become responses."""

import re
from collections.abc import Callable
from typing import Any

from shared.clock import now_ms
from shared.errors import (
    AuthenticationRequired,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotAcceptable,
    NotOwner,
    RateLimited,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    VersionMismatch,
)
from shared.events import api_gateway
from shared.events.api_gateway import Event, GatewayEvent, ModelT, read_body, read_object
from shared.events.api_gateway import Response as Response
from shared.sessions.session import Session
from shared.sessions.views import owner_view, public_view

ERRORS: api_gateway.ErrorTable = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    AuthenticationRequired: (401, "AUTHENTICATION_REQUIRED"),
    NotOwner: (403, "NOT_AUTHORIZED"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    NotAcceptable: (406, "NOT_ACCEPTABLE"),
    SessionEnded: (409, "SESSION_ENDED"),
    VersionMismatch: (412, "VERSION_MISMATCH"),
    IdempotencyKeyReused: (422, "IDEMPOTENCY_KEY_REUSED"),
    RateLimited: (429, "RATE_LIMITED"),
    ServiceUnavailable: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}

MAX_BODY_BYTES = 4096
MAX_ETAGS = 100  # DynamoDB's IN takes 100 operands
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
ETAG = re.compile(r'(W/)?"([^"]*)"')
VERSION = re.compile(r"[1-9][0-9]{0,14}")


class Request(GatewayEvent):
    """A request to the HTTP API."""

    @property
    def caller(self) -> str | None:
        """The `sub` claim of the token that API Gateway has verified, None for an anonymous caller."""
        jwt = (self.context.get("authorizer") or {}).get("jwt") or {}
        return (jwt.get("claims") or {}).get("sub")

    @property
    def subject(self) -> str:
        """The caller. Raises AuthenticationRequired for an anonymous one."""
        if not self.caller:
            raise AuthenticationRequired
        return self.caller

    @property
    def session_id(self) -> str:
        """The path parameter, not validated."""
        return str(self.event["pathParameters"]["sessionId"])

    @property
    def idempotency_key(self) -> str | None:
        """The header Idempotency-Key. Raises InvalidRequest."""
        key = self.headers.get("idempotency-key")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest(
                FieldError("Idempotency-Key", "Idempotency-Key must be 1 to 255 visible ASCII characters")
            )
        return key

    @property
    def if_match(self) -> frozenset[int] | None:
        """The versions that the caller accepts, None for any. Raises InvalidRequest."""
        header = self.headers.get("if-match")
        if header is None or header.strip() == "*":
            return None
        tags = ETAG.findall(header)
        if len(tags) > MAX_ETAGS:
            raise InvalidRequest(FieldError("If-Match", f"If-Match must list at most {MAX_ETAGS} ETags"))
        # If-Match uses strong comparison: a weak or foreign ETag matches nothing (RFC 9110, 13.1.1).
        return frozenset(int(tag) for weak, tag in tags if not weak and VERSION.fullmatch(tag))

    def is_current(self, session: Session) -> bool:
        """Return whether If-None-Match has the session's ETag, by weak comparison (RFC 9110, 13.1.2)."""
        header = self.headers.get("if-none-match", "")
        return header.strip() == "*" or any(f'"{tag}"' == _etag(session) for _, tag in ETAG.findall(header))

    def query(self, model: type[ModelT]) -> ModelT:
        """Return the query parameters as a request model. Raises InvalidRequest."""
        return model.parse(dict(self.event.get("queryStringParameters") or {}))

    def json(self, model: type[ModelT]) -> ModelT:
        """Return the body as a request model; no body is an empty object. Raises InvalidRequest."""
        body = read_body(self.event)
        if len(body) > MAX_BODY_BYTES:
            raise InvalidRequest(FieldError("body", f"Request body must be at most {MAX_BODY_BYTES} bytes"))
        return model.parse(read_object(body))


def endpoint(handler: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of an HTTP route."""
    return api_gateway.endpoint(handler, Request, error_response)


def error_response(error: Exception, request: Request) -> Response:
    """Return the HTTP API's response to an exception."""
    return api_gateway.error_response(error, request, ERRORS)


def created(session: Session) -> Response:
    """Return 201 with the owner view and the session's location."""
    return Response(201, owner_view(session), {"Location": f"/sessions/{session.id}", "ETag": _etag(session)})


def listed(sessions: list[Session], next_cursor: str | None) -> Response:
    """Return 200 with owner views, and `nextCursor` unless this is the last page."""
    body: dict[str, object] = {"sessions": [owner_view(session) for session in sessions]}
    return Response(200, {**body, "nextCursor": next_cursor} if next_cursor else body)


def updated(session: Session) -> Response:
    """Return 200 with the owner view."""
    return Response(200, owner_view(session), {"ETag": _etag(session)})


def found(session: Session, request: Request) -> Response:
    """Return 200 with the public view, or 304 if the caller has the current version."""
    headers = {"ETag": _etag(session), "Cache-Control": "max-age=1"}
    if request.is_current(session):
        return Response(304, None, headers)
    return Response(200, public_view(session), headers)


def deleted() -> Response:
    """Return 204."""
    return Response(204)


def health(*, healthy: bool, environment: str, version: str, response_time_ms: float) -> Response:
    """Return 200 healthy or 503 unhealthy."""
    body = {
        "status": "healthy" if healthy else "unhealthy",
        "service": "session-management-http-api",
        "environment": environment,
        "version": version,
        "timestamp": now_ms(),
        "responseTimeMs": response_time_ms,
    }
    return Response(200 if healthy else 503, body, {"Cache-Control": "no-store"})


def _etag(session: Session) -> str:
    return f'"{session.version}"'
