"""$connect: let a speaker or a listener into a session."""

from shared import wiring_connections, wiring_limits
from shared.events import websocket_api

ATTENDANCE = wiring_connections.attendance()
LIMIT = wiring_limits.joins_per_address()
ADDRESSES = wiring_connections.address_digest()


@websocket_api.endpoint
def handler(request: websocket_api.Request) -> websocket_api.Response:
    session_id, language = request.session_id, request.target_language
    LIMIT.take(ADDRESSES(request.source_address))
    ATTENDANCE.join(session_id, request.connection_id, caller=request.caller, target_language=language)
    return websocket_api.accepted()
