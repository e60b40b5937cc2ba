"""What API Gateway's two kinds of API have in common: a call comes in, a response or a refusal goes out.

Events and responses have payload format 2.0, which WebSocket routes nearly share:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import functools
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared import started
from shared.aws import metrics
from shared.errors import InvalidRequest, SessionError

Event = Mapping[str, Any]

Errors = Mapping[type[Exception], tuple[int, str]]
"""The status and the code of each error, or of the nearest class above it."""

# https://www.w3.org/TR/trace-context/#traceparent-header
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class Call:
    """An event of API Gateway."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.context: Mapping[str, Any] = event.get("requestContext") or {}
        self.headers: Mapping[str, str] = event.get("headers") or {}

    @property
    def id(self) -> str:
        """API Gateway's request id, which the client sees too."""
        return str(self.context.get("requestId", ""))

    @property
    def route(self) -> str:
        """The route key, such as `GET /sessions/{sessionId}`."""
        return str(self.context.get("routeKey", ""))

    @property
    def traceparent(self) -> str | None:
        """The caller's W3C trace context, when it is well-formed."""
        value = self.headers.get("traceparent", "")
        return value if TRACEPARENT.fullmatch(value) else None

    @property
    def caller(self) -> str | None:
        """Who is signed in, None for nobody."""
        raise NotImplementedError


CallT = TypeVar("CallT", bound=Call)


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


def refused(error: Exception, call: Call, errors: Errors) -> Response:
    """The response of the error's class, or of the nearest one above it in the table."""
    status, code = next(errors[kind] for kind in type(error).__mro__ if kind in errors)
    body: dict[str, object] = {
        "error": str(error) if isinstance(error, SessionError) else "Internal server error",
        "code": code,
        "timestamp": now_ms(),
        "requestId": call.id,
    }
    if isinstance(error, InvalidRequest):
        body["details"] = [offence._asdict() for offence in error.fields]
    return Response(status, body, _headers(error, status))


def serve(
    door: Callable[[CallT], Response], call_type: Callable[[Event], CallT], errors: Errors
) -> Callable[[Event, Any], dict[str, Any]]:
    """Make a Lambda handler of a door: the one place that catches errors, and that logs a call."""

    @functools.wraps(door)
    def handler(event: Event, _context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        call = call_type(event)
        failure: Exception | None = None
        try:
            response = door(call)
        except Exception as error:  # noqa: BLE001  # whatever happens, the client gets a clean answer
            failure = error
            response = refused(error, call, errors)
        metrics.log_request(
            {
                # Lambda's runtime client writes its own id as requestId and drops a field of that name.
                "apiRequestId": call.id,
                "route": call.route,
                "status": response.status,
                "durationMs": round((time.perf_counter() - started) * 1000, 1),
                "code": response.body.get("code") if response.body else None,
                "speaker": metrics.speaker_digest(call.caller) if call.caller else None,
                "traceparent": call.traceparent,
            },
            bug=None if isinstance(failure, SessionError) else failure,
        )
        return response.to_api_gateway()

    started()
    return handler


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


def _headers(error: Exception, status: int) -> dict[str, str]:
    headers = {}
    retry_after_s = getattr(error, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers
