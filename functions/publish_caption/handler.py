"""publishCaption: a caption of the session's speaker, or of a pipeline that may invoke this function."""

from shared import settings, startup
from shared.aws.dynamodb import create_client
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.captions.messages import caption_published
from shared.captions.publish import PublishCaption
from shared.captions.requests import NewCaption
from shared.clock import now_ms
from shared.events import websocket_api

client = create_client()
publish_caption = PublishCaption(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    LiveCaptionsTable(client, settings.text("LIVE_CAPTIONS_TABLE")),
    now_ms,
    characters_per_minute=settings.number("CAPTION_CHARACTERS_PER_MINUTE"),
)
startup.finish_init()


@websocket_api.message_or_invocation("publishCaption")
def handler(message: websocket_api.Message) -> websocket_api.Answer:
    speaker, caption = message.speaker, message.json(NewCaption)
    publish_caption(caption, session_id=message.session_id, speaker=speaker)
    return caption_published(caption.sequence, now_ms())
