"""The stream of the connections table: count the listeners of each session whose audience has changed."""

import time
from typing import Any

from shared import settings, startup
from shared.audience.listener_counter import ListenerCounter
from shared.aws import connections_table, dynamodb, management_api
from shared.aws.listener_counts import ListenerCounts
from shared.aws.metrics import EmbeddedMetrics
from shared.clock import now_ms
from shared.events import table_stream

client = dynamodb.create_client()
count_listeners = ListenerCounter(
    ListenerCounts(client, settings.text("SESSIONS_TABLE")),
    connections_table.ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
    management_api.ManagementApi(
        management_api.create_client(settings.text("WEBSOCKET_ENDPOINT"), max_connections=1)
    ),
    now_ms,
    time.sleep,
    EmbeddedMetrics(settings.text("ENV")).listeners_counted,
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, _context: Any) -> table_stream.BatchResponse:
    records = table_stream.records(event, connections_table.from_item)
    rows = [row for record in records for row in (record.old, record.new) if row]
    return table_stream.process_batch(records, lambda: count_listeners({row.session for row in rows}))
