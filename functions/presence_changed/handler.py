"""The stream of the sessions table: notify listeners when their speaker has been absent for 10 s."""

import time
from typing import Any

from shared import settings, startup
from shared.audience.presence import AnnounceAbsence
from shared.aws import dynamodb, sessions_table
from shared.aws.connections_table import ConnectionsTable
from shared.aws.delivery import create_delivery
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.clock import now_ms
from shared.events import table_stream

client = dynamodb.create_client()
announce_absence = AnnounceAbsence(
    SessionBookkeeping(client, settings.text("SESSIONS_TABLE")),
    create_delivery(
        ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")), settings.text("WEBSOCKET_ENDPOINT")
    ),
    absent_minutes=settings.number("SPEAKER_ABSENT_MINUTES"),
    clock=now_ms,
    sleep=time.sleep,
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, context: Any) -> table_stream.BatchResponse:
    return table_stream.process_each(
        table_stream.records(event, sessions_table.from_item),
        lambda record: announce_absence(
            record.old, record.new, time_left=context.get_remaining_time_in_millis
        ),
    )
