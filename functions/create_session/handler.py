"""POST /sessions: open a session for the signed-in speaker."""

from shared import wiring, wiring_limits
from shared.events import http_api
from shared.sessions.requests import NewSession

SESSIONS = wiring.sessions()
LIMIT = wiring_limits.sessions_per_speaker()
DIGITS = wiring.session_id_digits()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker = request.subject
    wanted = request.json(NewSession)
    key = request.idempotency_key
    LIMIT.take(speaker)
    return http_api.created(SESSIONS.open(wanted, speaker=speaker, key=key, digits=DIGITS))
