"""GET /sessions: the signed-in speaker's own sessions, newest first."""

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.speaker_index import SpeakerIndex
from shared.clock import now_ms
from shared.events import http_api
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import ListQuery, ListSessions

list_sessions = ListSessions(
    SpeakerIndex(create_client(), settings.text("SESSIONS_TABLE")),
    SignedCursors(
        settings.text("CURSOR_KEY"),
        also_accepted=(settings.text("CURSOR_KEY_PREVIOUS"), settings.text("CURSOR_KEY_NEXT")),
    ),
    now_ms,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker, query = request.subject, request.query(ListQuery)
    sessions, next_cursor = list_sessions(query, speaker=speaker)
    return http_api.listed(sessions, next_cursor)
