"""What the consumers of table streams use, each built once from the function's settings."""

import time
from functools import cache

from shared import settings, wiring, wiring_connections
from shared.audience.listener_counter import Headcount
from shared.audience.notifier import Notices
from shared.aws import dynamodb
from shared.aws.listener_counts import ListenerCounts
from shared.aws.management_api import WebSocketConnections, make_client
from shared.events.api_gateway import now_ms


@cache
def sockets() -> WebSocketConnections:
    """The connections of the WebSocket API at WEBSOCKET_ENDPOINT."""
    return WebSocketConnections(make_client(settings.text("WEBSOCKET_ENDPOINT")))


@cache
def notices() -> Notices:
    """What changes of sessions set off."""
    return Notices(wiring.store(), wiring_connections.connections(), sockets(), now_ms, time.sleep)


@cache
def headcount() -> Headcount:
    """What changes of connections set off."""
    counts = ListenerCounts(dynamodb.make(), settings.text("SESSIONS_TABLE"))
    counted = wiring.metrics().listeners_counted
    return Headcount(counts, wiring_connections.connections(), sockets(), now_ms, time.sleep, counted)
