"""$connect: admit a speaker or a listener to a session."""

from shared import rate_limits, settings, startup
from shared.audience.address import AddressDigest
from shared.audience.join import Join, JoinOutcomes
from shared.aws import dynamodb
from shared.aws.audiences_table import AudiencesTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.rate_limits_table import RateLimitsTable
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.deadline import Deadline
from shared.events import websocket_api
from shared.events.authorizer import selected_subprotocol

deadline = Deadline(now_ms)
client = dynamodb.create_client(before_send=deadline.check)
metrics = EmbeddedMetrics(settings.text("ENV"))
join = Join(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    ConnectionsTable(client, settings.text("CONNECTIONS_TABLE")),
    AudiencesTable(client, settings.text("AUDIENCES_TABLE")),
    clock=now_ms,
)
joins_per_address = rate_limits.RateLimit(
    name="joins",
    limit=settings.number("JOINS_PER_ADDRESS_PER_MINUTE"),
    window_s=rate_limits.MINUTE_S,
    store=RateLimitsTable(
        dynamodb.create_client(dynamodb.FAIL_FAST_CONFIG), settings.text("RATE_LIMITS_TABLE")
    ),
    clock=now_ms,
    on_unavailable=metrics.rate_limit_unavailable,
)
address_digest = AddressDigest(settings.text("ADDRESS_KEY"))
outcomes = JoinOutcomes(metrics.join_ended)
startup.finish_init()


@websocket_api.endpoint
def handler(request: websocket_api.Request) -> websocket_api.Response:
    deadline.start()
    with outcomes:
        session_id, language = request.session_id, request.target_language
        joins_per_address.take(address_digest(request.source_address))
        join(session_id, request.connection_id, caller=request.caller, target_language=language)
        return websocket_api.accepted(selected_subprotocol(request.headers))
