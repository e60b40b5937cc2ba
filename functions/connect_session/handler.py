"""$connect: admit a speaker or a listener to a session."""

import time

from shared import rate_limits, settings, startup
from shared.audience.address import AddressDigest
from shared.audience.join import Join
from shared.aws import dynamodb
from shared.aws.connections_table import ConnectionsTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.rate_limits_table import RateLimitsTable
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import websocket_api

client = dynamodb.create_client()
join = Join(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
    max_listeners=settings.number("MAX_LISTENERS"),
    clock=now_ms,
    sleep=time.sleep,
)
joins_per_address = rate_limits.RateLimit(
    name="joins",
    limit=settings.number("JOINS_PER_ADDRESS_PER_MINUTE"),
    window_s=rate_limits.MINUTE_S,
    store=RateLimitsTable(
        dynamodb.create_client(dynamodb.FAIL_FAST_CONFIG), settings.text("RATE_LIMITS_TABLE")
    ),
    clock=now_ms,
    on_unavailable=EmbeddedMetrics(settings.text("ENV")).rate_limit_unavailable,
)
address_digest = AddressDigest(settings.text("ADDRESS_KEY"))
startup.finish_init()


@websocket_api.endpoint
def handler(request: websocket_api.Request) -> websocket_api.Response:
    session_id, language = request.session_id, request.target_language
    joins_per_address.take(address_digest(request.source_address))
    join(session_id, request.connection_id, caller=request.caller, target_language=language)
    return websocket_api.accepted()
