"""The rate limits of doors, each built once from the function's settings."""

from functools import cache

from shared import settings, wiring
from shared.aws import dynamodb
from shared.aws.rate_limits_table import RateLimitsTable
from shared.events.api_gateway import now_ms
from shared.rate_limits import RateLimit


@cache
def sessions_per_speaker() -> RateLimit:
    """SESSIONS_PER_SPEAKER_PER_HOUR; 0 is no limit."""
    return _limit("sessions", "SESSIONS_PER_SPEAKER_PER_HOUR", 3600)


@cache
def joins_per_address() -> RateLimit:
    """JOINS_PER_ADDRESS_PER_MINUTE; 0 is no limit."""
    return _limit("joins", "JOINS_PER_ADDRESS_PER_MINUTE", 60)


def _limit(name: str, setting: str, window_s: int) -> RateLimit:
    table = RateLimitsTable(dynamodb.make(dynamodb.BRIEF), settings.text("RATE_LIMITS_TABLE"))
    unavailable = wiring.metrics().rate_limit_unavailable
    return RateLimit(name, settings.number(setting), window_s, table, now_ms, unavailable)
