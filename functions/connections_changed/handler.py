"""The stream of the connections table: count the listeners of each session whose audience has changed."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings, startup
from shared.audience.listener_counter import MAX_PARALLEL, ListenerCounter
from shared.audience.places import CountPlaces
from shared.audience.presence import SpeakerPresence
from shared.aws import connections_table, dynamodb, management_api
from shared.aws.audiences_table import AudiencesTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.clock import now_ms
from shared.events import table_stream

client = dynamodb.create_client(max_connections=MAX_PARALLEL)
bookkeeping = SessionBookkeeping(client, settings.text("SESSIONS_TABLE"))
count_listeners = ListenerCounter(
    bookkeeping,
    CountPlaces(
        AudiencesTable(client, settings.text("AUDIENCES_TABLE")),
        connections_table.ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
        now_ms,
    ),
    management_api.ManagementApi(
        management_api.create_client(settings.text("WEBSOCKET_ENDPOINT"), max_connections=MAX_PARALLEL)
    ),
    SpeakerPresence(bookkeeping, absent_minutes=settings.number("SPEAKER_ABSENT_MINUTES")),
    ThreadPoolExecutor(MAX_PARALLEL),
    now_ms,
    time.sleep,
    EmbeddedMetrics(settings.text("ENV")).listeners_counted,
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, _context: Any) -> table_stream.BatchResponse:
    records = table_stream.records(event, connections_table.from_item)
    # A row that was never admitted changes no count: it is that of a join that was refused or has failed.
    rows = [row for record in records for row in (record.old, record.new) if row and row.admitted_at]
    return table_stream.process_batch(records, lambda: count_listeners(row.session for row in rows))
