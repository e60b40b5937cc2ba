"""POST /sessions: create a session for the signed-in speaker."""

from shared import rate_limits, settings, startup
from shared.aws import dynamodb
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.rate_limits_table import RateLimitsTable
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.events import http_api
from shared.sessions import ids
from shared.sessions.create import CreateSession
from shared.sessions.requests import NewSession

metrics = EmbeddedMetrics(settings.text("ENV"))
create_session = CreateSession(
    SessionsTable(dynamodb.create_client(), settings.text("SESSIONS_TABLE")),
    metrics,
    now_ms,
    digits=settings.number("SESSION_ID_DIGITS", supported=ids.DIGITS),
    max_listeners=settings.number("MAX_LISTENERS"),
)
sessions_per_speaker = rate_limits.RateLimit(
    name="sessions",
    limit=settings.number("SESSIONS_PER_SPEAKER_PER_HOUR"),
    window_s=rate_limits.HOUR_S,
    store=RateLimitsTable(
        dynamodb.create_client(dynamodb.FAIL_FAST_CONFIG), settings.text("RATE_LIMITS_TABLE")
    ),
    clock=now_ms,
    on_unavailable=metrics.rate_limit_unavailable,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker, new_session, key = request.subject, request.json(NewSession), request.idempotency_key
    sessions_per_speaker.take(speaker)
    return http_api.created(create_session(new_session, speaker=speaker, key=key))
