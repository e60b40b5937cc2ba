"""What HTTP APIs and WebSocket APIs of API Gateway have in common: events, responses and error responses.

Both use payload format 2.0 for HTTP routes or a close relative of it for WebSocket routes:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import functools
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, TypeVar

from shared.clock import now_ms
from shared.errors import FieldError, InvalidRequest, Refusal

Event = Mapping[str, Any]

ErrorTable = Mapping[type[Exception], tuple[int, str]]
"""The status and error code of each exception class; a class that is absent has those of its nearest base."""

# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

logger = logging.getLogger("request")


class Model(Protocol):
    """A model of a request or a message: it validates itself."""

    @classmethod
    def parse(cls, values: dict[str, Any], /) -> Self:
        """Validate decoded values. Raises InvalidRequest."""


ModelT = TypeVar("ModelT", bound=Model)


class GatewayEvent:
    """An event of API Gateway."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.context: Mapping[str, Any] = event.get("requestContext") or {}
        self.headers: Mapping[str, str] = event.get("headers") or {}

    @property
    def id(self) -> str:
        """API Gateway's request id, which the client receives too."""
        return str(self.context.get("requestId", ""))

    @property
    def route(self) -> str:
        """The route key, such as `GET /sessions/{sessionId}`."""
        return str(self.context.get("routeKey", ""))

    @property
    def traceparent(self) -> str | None:
        """The caller's W3C trace context, if it is well-formed."""
        value = self.headers.get("traceparent", "")
        return value if TRACEPARENT.fullmatch(value) else None

    @property
    def caller(self) -> str | None:
        """The authenticated subject, None for an anonymous caller."""
        raise NotImplementedError


GatewayEventT = TypeVar("GatewayEventT", bound=GatewayEvent)


@dataclass(frozen=True, slots=True)
class Response:
    """A handler's response. A `text` is a body that is not JSON; its content type is in `headers`."""

    status: int
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def to_api_gateway(self) -> dict[str, Any]:
        """Return the response in payload format 2.0."""
        if self.text is not None:
            return {"statusCode": self.status, "headers": dict(self.headers), "body": self.text}
        if self.body is None:
            return {"statusCode": self.status, "headers": dict(self.headers)}
        return {
            "statusCode": self.status,
            "headers": {"Content-Type": "application/json", **self.headers},
            "body": json.dumps(self.body, separators=(",", ":")),
        }


def endpoint(
    handler: Callable[[GatewayEventT], Response],
    event_type: Callable[[Event], GatewayEventT],
    error_response: Callable[[Exception, GatewayEventT], Response],
) -> Callable[[Event, Any], dict[str, Any]]:
    """Make a Lambda handler: the only place that catches all exceptions, and that logs a request.

    `error_response` returns the response to an exception.
    """

    @functools.wraps(handler)
    def lambda_handler(event: Event, _context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request = event_type(event)
        failure: Exception | None = None
        try:
            response = handler(request)
        except Exception as error:  # noqa: BLE001  # every failure gets a well-formed response
            failure = error
            response = error_response(error, request)
        log_request(
            {
                # Lambda's runtime client logs its own id as requestId and drops a field of that name.
                "apiRequestId": request.id,
                "route": request.route,
                "status": response.status,
                "durationMs": round((time.perf_counter() - started) * 1000, 1),
                "code": response.body.get("code") if response.body else None,
                "speaker": speaker_digest(request.caller) if request.caller else None,
                "traceparent": request.traceparent,
            },
            bug=None if isinstance(failure, Refusal) else failure,
        )
        return response.to_api_gateway()

    return lambda_handler


def error_response(error: Exception, request: GatewayEvent, errors: ErrorTable) -> Response:
    """Return the response of the exception's class, or of its nearest base class in the table."""
    status, code, sentence = describe_error(error, errors)
    body: dict[str, object] = {
        "error": sentence,
        "message": sentence,  # as in the errors that API Gateway produces itself
        "code": code,
        "timestamp": now_ms(),
        "requestId": request.id,
    }
    if isinstance(error, InvalidRequest):
        body["details"] = [field_error._asdict() for field_error in error.fields]
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(status, body, headers)


def describe_error(error: Exception, errors: ErrorTable) -> tuple[int, str, str]:
    """Return the exception's status, error code and sentence; the sentence of a bug says nothing about it."""
    status, code = next(errors[kind] for kind in type(error).__mro__ if kind in errors)
    return status, code, str(error) if isinstance(error, Refusal) else "Internal server error"


def read_body(event: Event) -> bytes:
    """Return the event's body, empty if there is none. Raises InvalidRequest."""
    body = event.get("body") or ""
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except ValueError:
        raise _not_json() from None


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; no body is an empty object. Raises InvalidRequest."""
    try:
        value = json.loads(
            body.decode() or "{}", object_pairs_hook=_without_duplicates, parse_constant=_reject_constant
        )
        # JSON may escape half of a surrogate pair, which is not a character: it cannot be stored or sent.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _not_json() from None
    if not isinstance(value, dict):
        raise InvalidRequest(FieldError("body", "Request body must be a JSON object"))
    return value


def log_request(fields: Mapping[str, object], *, bug: BaseException | None = None) -> None:
    """Log one line per request. In log format JSON, Lambda's runtime client makes each field a key."""
    level = logging.ERROR if bug else logging.INFO
    present = {name: value for name, value in fields.items() if value is not None}
    logger.log(level, "%s %s", fields["route"], fields["status"], extra=present, exc_info=bug)


def speaker_digest(subject: str) -> str:
    """Return a pseudonym of a speaker for logs: 16 hexadecimal digits of the subject's SHA-256."""
    return hashlib.sha256(subject.encode()).hexdigest()[:16]


def _not_json() -> InvalidRequest:
    return InvalidRequest(FieldError("body", "Request body must be JSON in UTF-8"))


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    duplicates = [
        FieldError(name, f"{name} is given more than once")
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if duplicates:
        raise InvalidRequest(*duplicates)
    return dict(pairs)


def _reject_constant(constant: str) -> None:
    # Python's parser accepts NaN and Infinity, which are not JSON.
    raise ValueError(constant)
