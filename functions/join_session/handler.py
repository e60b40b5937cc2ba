"""joinSession: the session's current state, to an open connection that asks for it."""

from shared import settings, startup
from shared.aws.connections_table import ConnectionsTable
from shared.aws.dynamodb import create_client
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.captions.describe_session import DescribeSession
from shared.captions.join_session import JoinSession
from shared.clock import now_ms
from shared.events import websocket_api

client = create_client()
join_session = JoinSession(
    ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
    DescribeSession(
        SessionsTable(client, settings.text("SESSIONS_TABLE")),
        LiveCaptionsTable(client, settings.text("LIVE_CAPTIONS_TABLE")),
        now_ms,
    ),
)
startup.finish_init()


@websocket_api.message
def handler(message: websocket_api.Message) -> websocket_api.Answer:
    return join_session(message.session_id, message.connection_id)
