"""GET /sessions/{sessionId}: the public view of a session."""

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import http_api
from shared.sessions.get import GetSession

get_session = GetSession(SessionsTable(create_client(), settings.text("SESSIONS_TABLE")), now_ms)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    return http_api.found(get_session(request.session_id), request)
