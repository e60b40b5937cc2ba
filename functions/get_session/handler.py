"""GET /sessions/{sessionId}: what anybody may know of a session."""

from shared import wiring
from shared.events import http_api

SESSIONS = wiring.sessions()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    return http_api.found(SESSIONS.find(request.session_id), request)
