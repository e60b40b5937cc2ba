"""$disconnect: remove the row of a closed connection."""

from shared import settings, startup
from shared.aws.connections_table import ConnectionsTable
from shared.aws.dynamodb import create_client
from shared.events import websocket_api

connections = ConnectionsTable(create_client(), settings.text("CONNECTIONS_TABLE"))
startup.finish_init()


@websocket_api.endpoint
def handler(request: websocket_api.Request) -> websocket_api.Response:
    connections.remove(request.session_id, request.connection_id)
    return websocket_api.accepted()
