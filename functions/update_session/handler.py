"""PATCH /sessions/{sessionId}: update the signed-in speaker's own session."""

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import http_api
from shared.sessions.requests import SessionChange
from shared.sessions.update import UpdateSession

update_session = UpdateSession(
    SessionsTable(create_client(), settings.text("SESSIONS_TABLE")),
    EmbeddedMetrics(settings.text("ENV")),
    now_ms,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker, patch = request.subject, request.json(SessionChange).to_patch()
    session = update_session(request.session_id, patch, speaker=speaker, versions=request.if_match)
    return http_api.updated(session)
