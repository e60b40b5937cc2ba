"""The HTTP edge: events of the HTTP API become requests, results and errors become responses."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar

from shared.errors import (
    AuthenticationRequired,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotOwner,
    RateLimited,
    SessionEnded,
    SessionNotFound,
    TryAgainLater,
    VersionMismatch,
)
from shared.events import api_gateway
from shared.events.api_gateway import Call, Errors, Event, now_ms, serve
from shared.events.api_gateway import Response as Response
from shared.sessions.list import DEFAULT_LIMIT, MAX_LIMIT
from shared.sessions.session import Session, Status
from shared.sessions.views import owner_view, public_view

ERRORS: Errors = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    AuthenticationRequired: (401, "AUTHENTICATION_REQUIRED"),
    NotOwner: (403, "NOT_AUTHORIZED"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionEnded: (409, "SESSION_ENDED"),
    VersionMismatch: (412, "VERSION_MISMATCH"),
    IdempotencyKeyReused: (422, "IDEMPOTENCY_KEY_REUSED"),
    RateLimited: (429, "RATE_LIMITED"),
    TryAgainLater: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}

MAX_BODY_BYTES = 4096
MAX_ETAGS = 100  # as many operands as DynamoDB's IN takes
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
ETAG = re.compile(r'(W/)?"([^"]*)"')
LIMIT = re.compile(r"[1-9][0-9]{0,2}")
VERSION = re.compile(r"[1-9][0-9]{0,14}")


class Body(Protocol):
    """A request model: shared/sessions/requests.py has them."""

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Check a decoded JSON object. Raises InvalidRequest."""


BodyT = TypeVar("BodyT", bound=Body)


class Request(Call):
    """What a door may ask of an HTTP API's event."""

    @property
    def caller(self) -> str | None:
        """The `sub` claim of the token that API Gateway has verified, None for nobody."""
        jwt = (self.context.get("authorizer") or {}).get("jwt") or {}
        return (jwt.get("claims") or {}).get("sub")

    @property
    def subject(self) -> str:
        """The `sub` claim of the token that API Gateway has verified. Raises AuthenticationRequired."""
        if not self.caller:
            raise AuthenticationRequired
        return self.caller

    @property
    def session_id(self) -> str:
        """The path parameter, of whatever form."""
        return str(self.event["pathParameters"]["sessionId"])

    @property
    def idempotency_key(self) -> str | None:
        """The header of this name. Raises InvalidRequest."""
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
        # If-Match compares strongly: a weak tag, or one that is not ours, matches nothing (RFC 9110, 13.1.1).
        return frozenset(int(tag) for weak, tag in tags if not weak and VERSION.fullmatch(tag))

    @property
    def listing(self) -> tuple[Status | None, int, str | None]:
        """Status, limit and cursor of the query. Raises InvalidRequest, which names every offending one."""
        query = dict(self.event.get("queryStringParameters") or {})
        status, limit, cursor = (query.pop(name, None) for name in ("status", "limit", "cursor"))
        wrong = [FieldError(name, f"{name} is not a known parameter") for name in query]
        if status is not None and status not in set(Status):
            wrong.append(FieldError("status", f"Invalid status. Supported: {', '.join(Status)}"))
        if limit is not None and not (LIMIT.fullmatch(limit) and int(limit) <= MAX_LIMIT):
            wrong.append(FieldError("limit", f"Invalid limit. Supported: 1 to {MAX_LIMIT}"))
        if wrong:
            raise InvalidRequest(*wrong)
        return Status(status) if status else None, int(limit or DEFAULT_LIMIT), cursor

    def has_current(self, session: Session) -> bool:
        """Whether If-None-Match names the session's ETag, compared weakly (RFC 9110, 13.1.2)."""
        header = self.headers.get("if-none-match", "")
        return header.strip() == "*" or any(f'"{tag}"' == _etag(session) for _, tag in ETAG.findall(header))

    def json(self, model: type[BodyT]) -> BodyT:
        """The body as a request model; no body is an empty object. Raises InvalidRequest."""
        try:
            body = _decoded(
                self.event.get("body") or "", base64_encoded=bool(self.event.get("isBase64Encoded"))
            )
            if len(body) > MAX_BODY_BYTES:
                raise InvalidRequest(
                    FieldError("body", f"Request body must be at most {MAX_BODY_BYTES} bytes")
                )
            value = json.loads(
                body.decode() or "{}", object_pairs_hook=_without_duplicates, parse_constant=_not_json
            )
            # JSON may escape half of a surrogate pair, which is no character: pydantic fails on it.
            json.dumps(value, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise InvalidRequest(FieldError("body", "Request body must be JSON in UTF-8")) from None
        if not isinstance(value, dict):
            raise InvalidRequest(FieldError("body", "Request body must be a JSON object"))
        return model.parse(value)


def created(session: Session) -> Response:
    """201: the owner's view, and where it is from now on."""
    return Response(201, owner_view(session), {"Location": f"/sessions/{session.id}", "ETag": _etag(session)})


def listed(sessions: list[Session], next_cursor: str | None) -> Response:
    """200: the owner's views, and the cursor of the next page unless this is the last."""
    body: dict[str, object] = {"sessions": [owner_view(session) for session in sessions]}
    return Response(200, {**body, "nextCursor": next_cursor} if next_cursor else body)


def changed(session: Session) -> Response:
    """200: the owner's view."""
    return Response(200, owner_view(session), {"ETag": _etag(session)})


def found(session: Session, request: Request) -> Response:
    """200: the public view; 304 when the caller has it already."""
    headers = {"ETag": _etag(session), "Cache-Control": "max-age=1"}
    return (
        Response(304, None, headers)
        if request.has_current(session)
        else Response(200, public_view(session), headers)
    )


def ended() -> Response:
    """204."""
    return Response(204)


def health(*, healthy: bool, environment: str, version: str, response_time_ms: float) -> Response:
    """200 or 503: whether the service can do its work, for operators and probes."""
    body = {
        "status": "healthy" if healthy else "unhealthy",
        "service": "session-management-http-api",
        "environment": environment,
        "version": version,
        "timestamp": now_ms(),
        "responseTimeMs": response_time_ms,
    }
    return Response(200 if healthy else 503, body, {"Cache-Control": "no-store"})


def refused(error: Exception, request: Request) -> Response:
    """The response of the error's class, or of the nearest one above it in the table."""
    return api_gateway.refused(error, request, ERRORS)


def endpoint(door: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make the Lambda handler of an HTTP route."""
    return serve(door, Request, ERRORS)


def _etag(session: Session) -> str:
    return f'"{session.version}"'


def _decoded(body: str, *, base64_encoded: bool) -> bytes:
    return base64.b64decode(body, validate=True) if base64_encoded else body.encode()


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = [
        FieldError(name, f"{name} is given more than once")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if twice:
        raise InvalidRequest(*twice)
    return dict(pairs)


def _not_json(constant: str) -> None:
    raise ValueError(constant)
