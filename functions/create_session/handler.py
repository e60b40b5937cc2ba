"""POST /sessions: open a session for the signed-in speaker."""

from shared import http_api, wiring
from shared.sessions.requests import NewSession

SESSIONS = wiring.sessions()
DIGITS = wiring.session_id_digits()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker = request.subject
    wanted = request.json(NewSession)
    return http_api.created(
        SESSIONS.open(wanted, speaker=speaker, key=request.idempotency_key, digits=DIGITS)
    )
