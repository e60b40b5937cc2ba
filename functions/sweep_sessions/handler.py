"""Each minute: end sessions that have expired or were abandoned, and finish what a stream left undone."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings, startup
from shared.audience.delivery import MAX_PARALLEL
from shared.audience.presence import SpeakerPresence
from shared.audience.sweep import Sweep
from shared.aws import dynamodb
from shared.aws.connections_table import ConnectionsTable
from shared.aws.delivery import create_delivery
from shared.aws.due_index import DueIndex
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable
from shared.events import schedule

client = dynamodb.create_client(max_connections=MAX_PARALLEL)
connections = ConnectionsTable(client, settings.text("CONNECTIONS_TABLE"))
bookkeeping = SessionBookkeeping(client, settings.text("SESSIONS_TABLE"))
absent_minutes = settings.number("SPEAKER_ABSENT_MINUTES")
sweep = Sweep(
    DueIndex(client, settings.text("SESSIONS_TABLE")),
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    connections,
    bookkeeping,
    SpeakerPresence(bookkeeping, absent_minutes=absent_minutes),
    create_delivery(connections, settings.text("WEBSOCKET_ENDPOINT")),
    EmbeddedMetrics(settings.text("ENV")),
    # Threads of their own: those that sweep wait for those that deliver.
    ThreadPoolExecutor(MAX_PARALLEL),
    absent_minutes=absent_minutes,
)
startup.finish_init()


@schedule.target
def handler(event: schedule.Event, context: Any) -> None:
    sweep(schedule.scheduled_time(event), time_left=context.get_remaining_time_in_millis)
