"""API Gateway events with payload format 2.0, built over the recorded shapes in tests/fixtures."""

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
HEALTH = "GET /health"
SIGNED_IN = frozenset({CREATE, LIST, UPDATE, DELETE})


def event(
    route: str,
    *,
    session_id: str = "blessed-shepherd-427",
    body: object = None,
    speaker: str | None = SPEAKER,
    headers: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return the event of one request. A body of text is sent as it is, bytes in base64, others as JSON."""
    method, path = route.split(" ")
    made = deepcopy(EVENT)
    made["routeKey"] = made["requestContext"]["routeKey"] = route
    made["rawPath"] = made["requestContext"]["http"]["path"] = path.format(sessionId=session_id)
    made["requestContext"]["http"]["method"] = method
    made["headers"] |= {name.lower(): value for name, value in (headers or {}).items()}
    if query:
        made |= {"queryStringParameters": query, "rawQueryString": urlencode(query)}
    if "{sessionId}" in path:
        made["pathParameters"] = {"sessionId": session_id}
    if route in SIGNED_IN and speaker is not None:
        authorizer = deepcopy(AUTHORIZER)
        authorizer["jwt"]["claims"]["sub"] = speaker
        made["requestContext"]["authorizer"] = authorizer
    if isinstance(body, bytes):
        made |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        made["body"] = body if isinstance(body, str) else json.dumps(body)
    return made
