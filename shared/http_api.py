"""The HTTP edge: API Gateway events become requests, results and errors become responses.

Events and responses have payload format 2.0:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import functools
import gc
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from shared import telemetry
from shared.sessions.errors import (
    AuthenticationRequired,
    FieldError,
    IdempotencyKeyReused,
    InvalidRequest,
    NotOwner,
    SessionEnded,
    SessionError,
    SessionNotFound,
    TryAgainLater,
    VersionMismatch,
)
from shared.sessions.session import Session
from shared.sessions.views import owner_view, public_view

Event = Mapping[str, Any]

ERRORS: Mapping[type[Exception], tuple[int, str]] = {
    InvalidRequest: (400, "INVALID_REQUEST"),
    AuthenticationRequired: (401, "AUTHENTICATION_REQUIRED"),
    NotOwner: (403, "NOT_AUTHORIZED"),
    SessionNotFound: (404, "SESSION_NOT_FOUND"),
    SessionEnded: (409, "SESSION_ENDED"),
    VersionMismatch: (412, "VERSION_MISMATCH"),
    IdempotencyKeyReused: (422, "IDEMPOTENCY_KEY_REUSED"),
    TryAgainLater: (503, "SERVICE_UNAVAILABLE"),
    Exception: (500, "INTERNAL_ERROR"),
}
HEADERS: Mapping[type[Exception], Mapping[str, str]] = {
    AuthenticationRequired: {"WWW-Authenticate": "Bearer"},
    TryAgainLater: {"Retry-After": "1"},
}

MAX_BODY_BYTES = 4096
MAX_ETAGS = 100  # as many operands as DynamoDB's IN takes
IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
ETAG = re.compile(r'(W/)?"([^"]*)"')
VERSION = re.compile(r"[1-9][0-9]{0,14}")
# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Body(Protocol):
    """A request model: shared/sessions/requests.py has them."""

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """Check a decoded JSON object. Raises InvalidRequest."""


BodyT = TypeVar("BodyT", bound=Body)


class Request:
    """What a door may ask of an API Gateway event."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._headers: Mapping[str, str] = event.get("headers") or {}

    @property
    def id(self) -> str:
        """API Gateway's request id, which the client sees too."""
        return str(self._context.get("requestId", ""))

    @property
    def route(self) -> str:
        """The route key, such as `GET /sessions/{sessionId}`."""
        return str(self._event.get("routeKey", ""))

    @property
    def traceparent(self) -> str | None:
        """The caller's W3C trace context, when it is well-formed."""
        value = self._headers.get("traceparent", "")
        return value if TRACEPARENT.fullmatch(value) else None

    @property
    def subject(self) -> str:
        """The `sub` claim of the token that API Gateway has verified. Raises AuthenticationRequired."""
        if not self.caller:
            raise AuthenticationRequired
        return self.caller

    @property
    def session_id(self) -> str:
        """The path parameter, of whatever form."""
        return str(self._event["pathParameters"]["sessionId"])

    @property
    def idempotency_key(self) -> str | None:
        """The header of this name. Raises InvalidRequest."""
        key = self._headers.get("idempotency-key")
        if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
            raise InvalidRequest(
                FieldError("Idempotency-Key", "Idempotency-Key must be 1 to 255 visible ASCII characters")
            )
        return key

    @property
    def if_match(self) -> frozenset[int] | None:
        """The versions that the caller accepts, None for any. Raises InvalidRequest."""
        header = self._headers.get("if-match")
        if header is None or header.strip() == "*":
            return None
        tags = ETAG.findall(header)
        if len(tags) > MAX_ETAGS:
            raise InvalidRequest(FieldError("If-Match", f"If-Match must list at most {MAX_ETAGS} ETags"))
        # If-Match compares strongly: a weak tag, or one that is not ours, matches nothing (RFC 9110, 13.1.1).
        return frozenset(int(tag) for weak, tag in tags if not weak and VERSION.fullmatch(tag))

    def has_current(self, session: Session) -> bool:
        """Whether If-None-Match names the session's ETag, compared weakly (RFC 9110, 13.1.2)."""
        header = self._headers.get("if-none-match", "")
        return header.strip() == "*" or any(f'"{tag}"' == _etag(session) for _, tag in ETAG.findall(header))

    def json(self, model: type[BodyT]) -> BodyT:
        """The body as a request model; no body is an empty object. Raises InvalidRequest."""
        try:
            body = _decoded(
                self._event.get("body") or "", base64_encoded=bool(self._event.get("isBase64Encoded"))
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

    @property
    def caller(self) -> str | None:
        """The `sub` claim, None for nobody."""
        jwt = (self._context.get("authorizer") or {}).get("jwt") or {}
        return (jwt.get("claims") or {}).get("sub")

    @property
    def _context(self) -> Mapping[str, Any]:
        return self._event.get("requestContext") or {}


@dataclass(frozen=True, slots=True)
class Response:
    """What a door answers: a body of None has no content type either."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_api_gateway(self) -> dict[str, Any]:
        """The response in payload format 2.0."""
        if self.body is None:
            return {"statusCode": self.status, "headers": dict(self.headers)}
        return {
            "statusCode": self.status,
            "headers": {"Content-Type": "application/json", **self.headers},
            "body": json.dumps(self.body, separators=(",", ":")),
        }


def created(session: Session) -> Response:
    """201: the owner's view, and where it is from now on."""
    return Response(201, owner_view(session), {"Location": f"/sessions/{session.id}", "ETag": _etag(session)})


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
        "timestamp": _now_ms(),
        "responseTimeMs": response_time_ms,
    }
    return Response(200 if healthy else 503, body, {"Cache-Control": "no-store"})


def refused(error: Exception, request: Request) -> Response:
    """The response of the error's class, or of the nearest one above it in the table."""
    kind = next(kind for kind in type(error).__mro__ if kind in ERRORS)
    status, code = ERRORS[kind]
    body: dict[str, object] = {
        "error": str(error) if isinstance(error, SessionError) else "Internal server error",
        "code": code,
        "timestamp": _now_ms(),
        "requestId": request.id,
    }
    if isinstance(error, InvalidRequest):
        body["details"] = [offence._asdict() for offence in error.fields]
    return Response(status, body, HEADERS.get(kind, {}))


def endpoint(door: Callable[[Request], Response]) -> Callable[[Event, Any], dict[str, Any]]:
    """Make a Lambda handler of a door: the one place that catches errors, and that logs a request."""

    @functools.wraps(door)
    def handler(event: Event, _context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request = Request(event)
        failure: Exception | None = None
        try:
            response = door(request)
        except Exception as error:  # noqa: BLE001  # whatever happens, the client gets a clean answer
            failure = error
            response = refused(error, request)
        telemetry.log_request(
            {
                # Lambda's runtime client writes its own id as requestId and drops a field of that name.
                "apiRequestId": request.id,
                "route": request.route,
                "status": response.status,
                "durationMs": round((time.perf_counter() - started) * 1000, 1),
                "code": response.body.get("code") if response.body else None,
                "speaker": telemetry.speaker_digest(request.caller) if request.caller else None,
                "traceparent": request.traceparent,
            },
            bug=None if isinstance(failure, SessionError) else failure,
        )
        return response.to_api_gateway()

    if not gc.isenabled():
        # Turned off in shared/__init__.py. What is there by now is never looked at again.
        gc.freeze()
        gc.enable()
    return handler


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


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
