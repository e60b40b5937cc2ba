"""The stream of the sessions table: notify connected clients when their session changes or ends."""

from typing import Any

from shared import settings, startup
from shared.audience.notifier import Notifier
from shared.aws import dynamodb, sessions_table
from shared.aws.connections_table import ConnectionsTable
from shared.aws.delivery import create_delivery
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.events import table_stream

client = dynamodb.create_client()
notify = Notifier(
    sessions_table.SessionsTable(client, settings.text("SESSIONS_TABLE")),
    SessionBookkeeping(client, settings.text("SESSIONS_TABLE")),
    create_delivery(
        ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")), settings.text("WEBSOCKET_ENDPOINT")
    ),
)
startup.finish_init()


@table_stream.consumer
def handler(event: table_stream.Event, context: Any) -> table_stream.BatchResponse:
    return table_stream.process_groups(
        table_stream.records(event, sessions_table.from_item),
        lambda session: session.id,
        lambda records: notify(
            [(record.old, record.new) for record in records],
            time_left=context.get_remaining_time_in_millis,
        ),
    )
