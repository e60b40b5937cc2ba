"""DELETE /sessions/{sessionId}: end the signed-in speaker's own session."""

from shared import wiring
from shared.events import http_api

SESSIONS = wiring.sessions()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    SESSIONS.end(request.session_id, speaker=request.subject, versions=request.if_match)
    return http_api.ended()
