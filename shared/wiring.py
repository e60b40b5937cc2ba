"""What the doors of the HTTP API use, each built once from the function's settings."""

from functools import cache

from shared import settings
from shared.aws import dynamodb
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import DynamoDBStore
from shared.events.api_gateway import now_ms
from shared.sessions import ids
from shared.sessions.service import Sessions


def session_id_digits() -> int:
    """SESSION_ID_DIGITS: how many digits the first candidate ids have."""
    return settings.number("SESSION_ID_DIGITS", supported=ids.DIGITS)


@cache
def store() -> DynamoDBStore:
    """The sessions table that SESSIONS_TABLE names."""
    return DynamoDBStore(dynamodb.make(), settings.text("SESSIONS_TABLE"))


@cache
def metrics() -> EmbeddedMetrics:
    """Metrics for ENV."""
    return EmbeddedMetrics(settings.text("ENV"))


@cache
def sessions() -> Sessions:
    """The use cases, on the table of SESSIONS_TABLE and with metrics for ENV."""
    return Sessions(store(), metrics(), now_ms)
