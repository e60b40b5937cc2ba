"""Throttles of routes: token buckets, one for all callers, that allow a burst and then a steady rate.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
"""

from scripts.local.config.routes import Throttle
from scripts.local.gateway.chain import Exchange, GatewayError


class TokenBuckets:
    """One bucket for each throttled route."""

    def __init__(self) -> None:
        self._buckets: dict[str, _TokenBucket] = {}

    async def take(self, exchange: Exchange) -> None:
        """Take a token from the bucket of the route; 429 when it is empty."""
        route = exchange.route
        if route.throttle is None:
            return
        bucket = self._buckets.setdefault(route.key, _TokenBucket(route.throttle, exchange.at))
        if not bucket.take(exchange.at):
            raise GatewayError(429, "Too Many Requests", error_type="LimitExceededException")


class _TokenBucket:
    def __init__(self, throttle: Throttle, now: float) -> None:
        self._throttle = throttle
        self._tokens = float(throttle.burst)
        self._filled_at = now

    def take(self, now: float) -> bool:
        filled = (now - self._filled_at) * self._throttle.rate
        self._tokens = min(self._throttle.burst, self._tokens + filled)
        self._filled_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
