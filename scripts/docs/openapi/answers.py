"""Every answer that a route may give, with what it means to a client."""

from collections.abc import Iterator, Mapping

from scripts.docs.openapi.operations import Answer, Operation
from scripts.docs.openapi.samples import REQUEST
from shared import errors
from shared.events import http_api
from shared.events.http_api import Response

CODES: Mapping[str, str] = {
    "INVALID_REQUEST": "What was sent breaks its rules; `details` names every offending field.",
    "AUTHENTICATION_REQUIRED": "The token is good, but does not say whose it is (no `sub` claim).",
    "NOT_AUTHORIZED": "Another speaker opened the session.",
    "SESSION_NOT_FOUND": "No live session has this id: it was never made, is malformed, or has expired.",
    "SESSION_ENDED": "The session has ended, and nothing follows the end.",
    "VERSION_MISMATCH": "`If-Match` names no current ETag: the session has changed since it was read.",
    "IDEMPOTENCY_KEY_REUSED": "The same speaker has used this `Idempotency-Key` with another body.",
    "RATE_LIMITED": "The speaker has opened too many sessions in an hour; wait for `Retry-After` seconds.",
    "SERVICE_UNAVAILABLE": "A fault that the same request may survive when it is sent again.",
    "INTERNAL_ERROR": "A bug. Sending the same again is not likely to help.",
}
"""What each code of http_api.ERRORS means to a client."""

GATEWAY: Mapping[int, tuple[str, str]] = {
    401: ("Unauthorized", "There is no token, or it is malformed, expired or not this service's."),
    404: ("Not Found", "There is a slash in the id, so that the path is another one."),
    413: ("Request Entity Too Large", "The body is larger than API Gateway or Lambda takes."),
    429: ("Too Many Requests", "All callers together are over the route's limit. Wait, then send it again."),
    431: ("Request Header Fields Too Large", "The request line and the headers are over 10,240 bytes."),
    500: ("Internal Server Error", "The function failed to answer."),
    503: ("Service Unavailable", "The function did not answer in time, or none was free."),
}
"""The messages of API Gateway itself by status, and when it says them."""


def possible(operation: Operation) -> Iterator[Answer]:
    """Everything that a caller of the route may be told, by the service or by API Gateway."""
    yield from operation.answers
    for refusal in operation.refusals:
        response = http_api.error_response(refusal, REQUEST)
        code = (response.body or {})["code"]
        schema = "ValidationError" if isinstance(refusal, errors.InvalidRequest) else "Error"
        yield Answer(code, CODES[code], schema, response)
    yield from (_gateway_answer(status) for status in GATEWAY if _gateway_may_say(status, operation))


def _gateway_may_say(status: int, operation: Operation) -> bool:
    """Whether API Gateway can answer this route with the status."""
    limited = {401: operation.signed_in, 404: "{" in operation.route, 413: operation.body is not None}
    return limited.get(status, True)


def _gateway_answer(status: int) -> Answer:
    message, meaning = GATEWAY[status]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Answer(
        "from API Gateway",
        f"From API Gateway: {meaning}",
        "GatewayError",
        Response(status, {"message": message}, headers),
    )
