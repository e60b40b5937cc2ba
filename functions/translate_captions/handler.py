"""The stream of the live_captions table: translate each caption and send it to the session's audience."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings, startup
from shared.aws import dynamodb, live_captions_table, management_api, translate
from shared.aws.captions_table import CaptionsTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.delivery import create_delivery
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.captions.translate import TranslateCaptions
from shared.clock import now_ms
from shared.events import table_stream
from shared.sessions.session import Language

# The batch size in terraform/functions.tf. Threads are started when they are needed.
MAX_SESSIONS = 10
MAX_TRANSLATIONS = MAX_SESSIONS * len(Language)

client = dynamodb.create_client(max_connections=MAX_SESSIONS)
connections = ConnectionsTable(client, settings.text("CONNECTIONS_TABLE"))
sessions_at_once = ThreadPoolExecutor(MAX_SESSIONS)
translate_captions = TranslateCaptions(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    connections,
    CaptionsTable(client, settings.text("CAPTIONS_TABLE")),
    translate.Translate(translate.create_client(max_connections=MAX_TRANSLATIONS)),
    create_delivery(
        connections,
        settings.text("WEBSOCKET_ENDPOINT"),
        sessions_at_once=MAX_SESSIONS,
        config=management_api.ONE_TRY_CONFIG,
    ),
    EmbeddedMetrics(settings.text("ENV")),
    ThreadPoolExecutor(MAX_TRANSLATIONS),
    now_ms,
    max_languages=settings.number("MAX_LANGUAGES"),
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, context: Any) -> table_stream.BatchResponse:
    return table_stream.process_groups(
        table_stream.records(event, live_captions_table.from_item),
        lambda caption: caption.session,
        lambda records: translate_captions(
            [record.new for record in records if record.new], time_left=context.get_remaining_time_in_millis
        ),
        sessions_at_once,
    )
