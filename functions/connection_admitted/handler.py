"""The stream of the connections table: welcome connections that have been admitted or change language."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings, startup
from shared.aws import connections_table, dynamodb, management_api
from shared.aws.captions_table import CaptionsTable
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.captions.describe_session import DescribeSession
from shared.captions.welcome import MAX_PARALLEL, Welcome
from shared.clock import now_ms
from shared.events import table_stream

client = dynamodb.create_client(max_connections=MAX_PARALLEL)
welcome = Welcome(
    DescribeSession(
        SessionsTable(client, settings.text("SESSIONS_TABLE")),
        LiveCaptionsTable(client, settings.text("LIVE_CAPTIONS_TABLE")),
        now_ms,
    ),
    CaptionsTable(client, settings.text("CAPTIONS_TABLE")),
    connections_table.ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
    management_api.ManagementApi(
        management_api.create_client(settings.text("WEBSOCKET_ENDPOINT"), max_connections=MAX_PARALLEL)
    ),
    ThreadPoolExecutor(MAX_PARALLEL),
    now_ms,
    time.sleep,
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, _context: Any) -> table_stream.BatchResponse:
    records = table_stream.records(event, connections_table.from_item)
    return table_stream.process_batch(
        records, lambda: welcome((record.old, record.new) for record in records)
    )
