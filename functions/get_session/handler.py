"""GET /sessions/{sessionId}: what anybody may know of a session."""

from shared import http_api, wiring

SESSIONS = wiring.sessions()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    return http_api.found(SESSIONS.find(request.session_id), request)
