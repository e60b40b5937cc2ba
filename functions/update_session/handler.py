"""PATCH /sessions/{sessionId}: change the signed-in speaker's own session."""

from shared import wiring
from shared.events import http_api
from shared.sessions.requests import SessionChange

SESSIONS = wiring.sessions()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker = request.subject
    wanted = request.json(SessionChange)
    session = SESSIONS.change(request.session_id, wanted, speaker=speaker, versions=request.if_match)
    return http_api.changed(session)
