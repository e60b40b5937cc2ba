"""POST /sessions: create a session for the signed-in speaker."""

import time

from shared import rate_limits, settings, startup
from shared.aws import dynamodb
from shared.aws.idempotency_keys_table import IdempotencyKeysTable
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.rate_limits_table import RateLimitsTable
from shared.aws.sessions_table import SessionsTable
from shared.clock import now_ms
from shared.deadline import BUDGET_MS, Deadline
from shared.events import http_api
from shared.sessions import ids
from shared.sessions.create import CreateSession
from shared.sessions.requests import NewSession

# A use of the rate limit may be given back after the deadline, which takes 1 s: see FAIL_FAST_CONFIG.
deadline = Deadline(now_ms, BUDGET_MS - 1000)
metrics = EmbeddedMetrics(settings.text("ENV"))
client = dynamodb.create_client(before_send=deadline.check)
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
create_session = CreateSession(
    SessionsTable(client, settings.text("SESSIONS_TABLE")),
    IdempotencyKeysTable(client, settings.text("IDEMPOTENCY_KEYS_TABLE"), settings.text("SESSIONS_TABLE")),
    sessions_per_speaker,
    metrics,
    now_ms,
    deadline,
    digits=settings.number("SESSION_ID_DIGITS", supported=ids.DIGITS),
    max_listeners=settings.number("MAX_LISTENERS"),
    sleep=time.sleep,
)
startup.finish_init()


@http_api.endpoint
def handler(request: http_api.Request) -> http_api.Response:
    speaker, new_session, key = request.subject, request.json(NewSession), request.idempotency_key
    return http_api.created(create_session(new_session, speaker=speaker, key=key))
