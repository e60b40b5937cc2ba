"""The health check: request GET /health and judge the response."""

import asyncio
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from scripts.errors import PreconditionFailed

_SERVICE = "session-management-http-api"
# Fields of a healthy response (docs/openapi.json), beside `status` and `service`.
_FIELD_TYPES = {"environment": str, "version": str, "timestamp": int, "responseTimeMs": int | float}


class Status(IntEnum):
    """The outcome of a check; the value is the exit code of `make health`."""

    HEALTHY = 0
    UNHEALTHY = 1
    UNREACHABLE = 2

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Check:
    """The outcome of one request. `reason` is empty when the service is healthy."""

    status: Status
    reason: str = ""
    environment: str = "-"
    version: str = "-"
    milliseconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """The outcome of all requests to one URL; printed as one line."""

    url: str
    checks: Sequence[Check]

    def __str__(self) -> str:
        worst = self.worst
        reason = f": {worst.reason}" if worst.reason else ""
        return f"{worst.status} {worst.environment} {worst.version} {self.duration} {self.url}{reason}"

    @property
    def worst(self) -> Check:
        """The first check with the worst status."""
        return max(self.checks, key=lambda check: check.status)

    @property
    def duration(self) -> str:
        """The duration of the one request, or percentiles of several."""
        if len(self.checks) == 1:
            return f"{self.checks[0].milliseconds:.0f} ms"
        return ", ".join(f"{name} {value:.0f} ms" for name, value in self._percentiles().items())

    def to_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        worst = self.worst
        return {
            "status": str(worst.status),
            "url": self.url,
            "count": len(self.checks),
            "environment": worst.environment,
            "version": worst.version,
            "reason": worst.reason,
            "milliseconds": self._percentiles(),
        }

    def _percentiles(self) -> dict[str, float]:
        return percentiles([check.milliseconds for check in self.checks])


def check(url: str, *, count: int = 1, timeout_seconds: float = 5.0) -> Report:
    """Make `count` requests in sequence, each limited to `timeout_seconds` in total.

    Request /health when `url` has no path. Raises PreconditionFailed when it is not an HTTP or HTTPS URL.
    """
    url = _health_url(url)
    return Report(url, asyncio.run(_check_repeatedly(url, count, timeout_seconds)))


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by the nearest-rank method: each is one of the values."""
    ranked = sorted(values)
    return {
        f"p{percent}": round(ranked[math.ceil(percent / 100 * len(ranked)) - 1], 1)
        for percent in (50, 95, 99)
    }


def _health_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise PreconditionFailed(f"Not an http or https URL: {url!r}")
    return parts._replace(path="/health").geturl() if parts.path in ("", "/") else url


async def _check_repeatedly(url: str, count: int, timeout_seconds: float) -> list[Check]:
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    # Open a new connection for each request, as a new client does.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector, trust_env=True) as client:
        return [await _check_once(client, url) for _ in range(count)]


async def _check_once(client: aiohttp.ClientSession, url: str) -> Check:
    started = time.monotonic()
    try:
        # A redirect is not a healthy response.
        async with client.get(url, allow_redirects=False) as response:
            outcome = _judge(response.status, await response.read())
    except TimeoutError:
        outcome = Check(Status.UNREACHABLE, "no complete response in time")
    except (
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientPayloadError,
        aiohttp.ClientResponseError,
    ) as error:
        outcome = Check(Status.UNHEALTHY, f"malformed response: {error}")
    except (aiohttp.ClientError, ValueError) as error:
        outcome = Check(Status.UNREACHABLE, str(error) or type(error).__name__)
    return replace(outcome, milliseconds=(time.monotonic() - started) * 1000)


def _judge(status_code: int, content: bytes) -> Check:
    try:
        body = json.loads(content)
    except ValueError:
        return Check(Status.UNHEALTHY, f"responded {status_code}, but not with JSON")
    if not isinstance(body, dict):
        return Check(Status.UNHEALTHY, f"responded {status_code}, but not with a JSON object")
    healthy = Check(
        Status.HEALTHY,
        environment=str(body.get("environment", "-")),
        version=str(body.get("version", "-")),
    )
    if status_code != 200 or body.get("status") != "healthy":
        reason = f"responded {status_code}, status {body.get('status')!r}"
        return replace(healthy, status=Status.UNHEALTHY, reason=reason)
    wrong = [name for name, kind in _FIELD_TYPES.items() if not isinstance(body.get(name), kind)]
    if wrong or body.get("service") != _SERVICE:
        reason = f"not a response of {_SERVICE}: wrong {', '.join(wrong or ['service'])}"
        return replace(healthy, status=Status.UNHEALTHY, reason=reason)
    return healthy
