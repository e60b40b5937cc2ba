"""Every response of a route, from the service and from API Gateway, with its meaning for clients."""

from collections.abc import Iterator, Mapping

from scripts.docs.openapi.operations import Example, Operation
from scripts.docs.openapi.samples import REQUEST
from shared import errors
from shared.events import http_api
from shared.events.http_api import Response

CODES: Mapping[str, str] = {
    "INVALID_REQUEST": "The request is not valid; `details` lists every invalid field.",
    "AUTHENTICATION_REQUIRED": "The token is valid but has no `sub` claim.",
    "NOT_AUTHORIZED": "The session belongs to another speaker.",
    "SESSION_NOT_FOUND": "No live session has this id: it never existed, is malformed or has expired.",
    "NOT_ACCEPTABLE": "The header `Accept` allows neither `application/json` nor `text/vtt`.",
    "SESSION_ENDED": "The session has ended; an ended session cannot be changed.",
    "VERSION_MISMATCH": "`If-Match` does not list the current ETag: the session has changed since.",
    "IDEMPOTENCY_KEY_REUSED": "The same speaker has used this `Idempotency-Key` with another body.",
    "RATE_LIMITED": "The speaker has created too many sessions this hour. Wait `Retry-After` seconds.",
    "SERVICE_UNAVAILABLE": "A temporary fault. The same request may succeed after `Retry-After` seconds.",
    "INTERNAL_ERROR": "A bug in the service. A retry is unlikely to help.",
}
"""The meaning of each code in http_api.ERRORS."""

GATEWAY: Mapping[int, tuple[str, str]] = {
    401: ("Unauthorized", "The token is missing, malformed, expired or from another user pool."),
    404: ("Not Found", "The id contains a slash, so the path is not a route of this API."),
    413: ("Request Entity Too Large", "The body exceeds the limit of API Gateway or Lambda."),
    429: ("Too Many Requests", "All callers together exceed the route's throttle. Wait, then retry."),
    431: ("Request Header Fields Too Large", "The request line and the headers exceed 10,240 bytes."),
    500: ("Internal Server Error", "The function failed without a response."),
    503: ("Service Unavailable", "The function timed out, or no concurrency was left."),
}
"""The message and the meaning of each status that API Gateway sends itself."""


def responses(operation: Operation) -> Iterator[Example]:
    """Yield every response that a caller of the route may get."""
    yield from operation.successes
    for refusal in operation.refusals:
        response = http_api.error_response(refusal, REQUEST)
        code = (response.body or {})["code"]
        schema = "ValidationError" if isinstance(refusal, errors.InvalidRequest) else "Error"
        yield Example(code, CODES[code], schema, response)
    yield from (_gateway_response(status) for status in GATEWAY if _gateway_may_send(status, operation))


def _gateway_may_send(status: int, operation: Operation) -> bool:
    restricted = {401: operation.signed_in, 404: "{" in operation.route, 413: operation.body is not None}
    return restricted.get(status, True)


def _gateway_response(status: int) -> Example:
    message, meaning = GATEWAY[status]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Example(
        "from API Gateway",
        f"From API Gateway: {meaning}",
        "GatewayError",
        Response(status, {"message": message}, headers),
    )
