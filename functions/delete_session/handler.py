"""DELETE /sessions/{sessionId}: end the signed-in speaker's own session."""

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import http_api
from shared.sessions.delete import DeleteSession

delete_session = DeleteSession(
    SessionsTable(create_client(), settings.text("SESSIONS_TABLE")),
    EmbeddedMetrics(settings.text("ENV")),
    now_ms,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    delete_session(request.session_id, speaker=request.subject, versions=request.if_match)
    return http_api.deleted()
