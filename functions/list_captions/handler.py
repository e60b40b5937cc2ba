"""GET /sessions/{sessionId}/captions: what was said, in one language, as JSON or as WebVTT."""

from shared import settings, startup
from shared.aws.captions_table import CaptionsTable
from shared.aws.dynamodb import create_client
from shared.aws.sessions_table import SessionsTable
from shared.captions.list import CaptionQuery, ListCaptions
from shared.clock import now_ms
from shared.events import caption_responses, http_api

client = create_client()
list_captions = ListCaptions(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    CaptionsTable(client, settings.text("CAPTIONS_TABLE")),
    now_ms,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    query, media_type = request.query(CaptionQuery), caption_responses.media_type(request)
    return caption_responses.listed(list_captions(request.session_id, query), media_type)
