"""$disconnect: forget a connection that is closed."""

from shared import wiring_connections
from shared.events import websocket_api

CONNECTIONS = wiring_connections.connections()


@websocket_api.endpoint
def handler(request: websocket_api.Request) -> websocket_api.Response:
    CONNECTIONS.remove(request.session_id, request.connection_id)
    return websocket_api.accepted()
