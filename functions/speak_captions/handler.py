"""The stream of the captions table: speak what has been delivered to listeners of premium sessions."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings, startup
from shared.aws import captions_table, dynamodb, management_api, polly, voice_bucket
from shared.aws.connections_table import ConnectionsTable
from shared.aws.delivery import create_delivery
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.captions.speak import SpeakCaptions
from shared.clock import now_ms
from shared.events import table_stream

# The batch size in terraform/functions.tf. Threads are started when they are needed.
MAX_SESSIONS = 10
# Calls of Amazon Polly at once. An account has 8 of its neural voices per second, 10 in a burst.
# https://docs.aws.amazon.com/polly/latest/dg/limits.html
MAX_VOICES = 2

client = dynamodb.create_client(max_connections=MAX_SESSIONS)
connections = ConnectionsTable(client, settings.text("CONNECTIONS_TABLE"))
sessions_at_once = ThreadPoolExecutor(MAX_SESSIONS)
speak_captions = SpeakCaptions(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    connections,
    polly.Polly(polly.create_client(max_connections=MAX_VOICES)),
    voice_bucket.VoiceBucket(
        voice_bucket.create_client(max_connections=MAX_VOICES), settings.text("VOICE_BUCKET")
    ),
    create_delivery(
        connections,
        settings.text("WEBSOCKET_ENDPOINT"),
        sessions_at_once=MAX_SESSIONS,
        config=management_api.ONE_TRY_CONFIG,
    ),
    EmbeddedMetrics(settings.text("ENV")),
    ThreadPoolExecutor(MAX_VOICES),
    now_ms,
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, _context: Any) -> table_stream.BatchResponse:
    return table_stream.process_groups(
        table_stream.records(event, captions_table.from_item),
        lambda stored: stored.caption.session,
        lambda records: speak_captions(
            [
                record.new
                for record in records
                if record.new and record.new.voice and not (record.old and record.old.voice)
            ]
        ),
        sessions_at_once,
    )
