"""Events of the HTTP API in payload format 2.0, built from the recorded events in tests/support/fixtures."""

import base64
import json
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

FIXTURES = Path(__file__).parent / "fixtures"
EVENT = json.loads((FIXTURES / "http_api_event.json").read_text())
AUTHORIZER = json.loads((FIXTURES / "jwt_authorizer.json").read_text())

REQUEST_ID: str = EVENT["requestContext"]["requestId"]
SPEAKER: str = AUTHORIZER["jwt"]["claims"]["sub"]
LAMBDA_CONTEXT = SimpleNamespace(aws_request_id="8f507cfc-xmpl-4697-b07a-ac58fc914c95")

CREATE = "POST /sessions"
LIST = "GET /sessions"
GET = "GET /sessions/{sessionId}"
UPDATE = "PATCH /sessions/{sessionId}"
DELETE = "DELETE /sessions/{sessionId}"
LIST_CAPTIONS = "GET /sessions/{sessionId}/captions"
HEALTH = "GET /health"
AUTHENTICATED = frozenset({CREATE, LIST, UPDATE, DELETE})


def event(
    route: str,
    *,
    session_id: str = "blessed-shepherd-427",
    body: object = None,
    speaker: str | None = SPEAKER,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the event of one request. A `str` body is sent unchanged, `bytes` in base64, others as JSON."""
    method, path = route.split(" ")
    request = deepcopy(EVENT)
    request["routeKey"] = request["requestContext"]["routeKey"] = route
    request["rawPath"] = request["requestContext"]["http"]["path"] = path.format(sessionId=session_id)
    request["requestContext"]["http"]["method"] = method
    request["headers"] |= {name.lower(): value for name, value in (headers or {}).items()}
    if query:
        request |= {"queryStringParameters": query, "rawQueryString": urlencode(query)}
    if "{sessionId}" in path:
        request["pathParameters"] = {"sessionId": session_id}
    if route in AUTHENTICATED and speaker is not None:
        authorizer = deepcopy(AUTHORIZER)
        authorizer["jwt"]["claims"]["sub"] = speaker
        request["requestContext"]["authorizer"] = authorizer
    if isinstance(body, bytes):
        request |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        request["body"] = body if isinstance(body, str) else json.dumps(body)
    return request
