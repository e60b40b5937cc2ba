"""Ask the service whether it is healthy: one line, or a table of all environments, or --json for probes.

Exit code: 0 healthy; 1 it answered, and not that it is healthy; 2 unreachable or misused.
"""

import argparse
import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

import aiohttp

from scripts import environments, terraform
from scripts.errors import Refused

STATUSES = ("healthy", "unhealthy", "unreachable")
HEALTHY, UNHEALTHY, UNREACHABLE = range(3)
SERVICE = "session-management-http-api"
# What a healthy answer holds (docs/openapi.json).
SHAPE = {"environment": str, "version": str, "timestamp": int, "responseTimeMs": int | float}


class Misuse(Exception):
    """What was asked for cannot be asked of any service."""


@dataclass(frozen=True)
class Check:
    """The outcome of one request; `reason` is empty when healthy."""

    exit_code: int
    milliseconds: float
    environment: str = "-"
    version: str = "-"
    reason: str = ""


def endpoint(environment: str) -> str:
    """Return the URL of an environment's HTTP API.

    Raises Misuse when there is no such environment, or its outputs cannot be read.
    """
    try:
        asked = environments.find(environment)
        asked.init()
        return str(asked.outputs()["http_api_endpoint"])
    except (Refused, terraform.TerraformFailed, terraform.TerraformMissing) as problem:
        raise Misuse(str(problem)) from problem


def main(arguments: Sequence[str] | None = None, find: Callable[[str], str] = endpoint) -> int:
    """Make the requests, print their outcome, and return the worst exit code."""
    try:
        chosen = _parser().parse_args(arguments)
        if chosen.url is None and chosen.env is None:
            return _all(find, chosen)
        url = health_url(find(chosen.env) if chosen.url is None else chosen.url)
    except Misuse as problem:
        print(problem, file=sys.stderr)
        return UNREACHABLE
    checks = asyncio.run(check(url, chosen.timeout, chosen.count))
    worst = _worst(checks)
    if chosen.json:
        print(json.dumps(_told(url, checks)))
    else:
        reason = f": {worst.reason}" if worst.reason else ""
        took = _took(checks)
        print(f"{STATUSES[worst.exit_code]} {worst.environment} {worst.version} {took} {url}{reason}")
    return worst.exit_code


def _all(find: Callable[[str], str], chosen: argparse.Namespace) -> int:
    """Check every environment at once, print a table, and return the worst exit code."""

    def ask(environment: str) -> tuple[str, list[Check]]:
        try:
            url = health_url(find(environment))
        except Misuse as problem:
            return "-", [Check(UNREACHABLE, 0, environment, reason=str(problem).splitlines()[0])]
        return url, asyncio.run(check(url, chosen.timeout, chosen.count))

    with ThreadPoolExecutor() as pool:
        asked = dict(zip(environments.DEPLOYED, pool.map(ask, environments.DEPLOYED), strict=True))
    if chosen.json:
        print(json.dumps({name: _told(*outcome) for name, outcome in asked.items()}))
    else:
        rows = [("ENVIRONMENT", "STATUS", "VERSION", "TOOK", "")]
        for name, (url, checks) in asked.items():
            worst = _worst(checks)
            took = "-" if url == "-" else _took(checks)
            rows.append((name, STATUSES[worst.exit_code], worst.version, took, worst.reason or url))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            print("  ".join([*cells, row[-1]]).rstrip())
    return max(_worst(checks).exit_code for _, checks in asked.values())


def _worst(checks: Sequence[Check]) -> Check:
    return max(checks, key=lambda one: one.exit_code)


def _took(checks: Sequence[Check]) -> str:
    if len(checks) == 1:
        return f"{checks[0].milliseconds:.0f} ms"
    times = percentiles([one.milliseconds for one in checks])
    return ", ".join(f"{name} {value:.0f} ms" for name, value in times.items())


def _told(url: str, checks: Sequence[Check]) -> dict[str, Any]:
    worst = _worst(checks)
    return {
        "status": STATUSES[worst.exit_code],
        "url": url,
        "count": len(checks),
        "environment": worst.environment,
        "version": worst.version,
        "reason": worst.reason,
        "milliseconds": percentiles([one.milliseconds for one in checks]),
    }


def health_url(url: str) -> str:
    """Return `url`, with /health when it has no path. Raises Misuse when it is not an http(s) URL."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Misuse(f"Not an http or https URL: {url!r}")
    return parts._replace(path="/health").geturl() if parts.path in ("", "/") else url


async def check(url: str, seconds: float, count: int) -> list[Check]:
    """Make `count` requests one after the other, each of at most `seconds`, everything included."""
    limit = aiohttp.ClientTimeout(total=seconds)
    # A new connection each time: what a new client would meet.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(timeout=limit, connector=connector, trust_env=True) as client:
        return [await _check_once(client, url) for _ in range(count)]


async def _check_once(client: aiohttp.ClientSession, url: str) -> Check:
    started = time.monotonic()

    def outcome(exit_code: int, reason: str = "", environment: str = "-", version: str = "-") -> Check:
        return Check(exit_code, (time.monotonic() - started) * 1000, environment, version, reason)

    try:
        # A redirect is an answer, and not a healthy one.
        async with client.get(url, allow_redirects=False) as response:
            content = await response.read()
    except TimeoutError:
        return outcome(UNREACHABLE, "no whole answer in time")
    except (
        aiohttp.ServerDisconnectedError,
        aiohttp.ClientPayloadError,
        aiohttp.ClientResponseError,
    ) as problem:
        return outcome(UNHEALTHY, f"broken answer: {problem}")
    except (aiohttp.ClientError, ValueError) as problem:
        return outcome(UNREACHABLE, str(problem) or type(problem).__name__)
    try:
        body = json.loads(content)
    except ValueError:
        return outcome(UNHEALTHY, f"answered {response.status}, not with JSON")
    if not isinstance(body, dict):
        return outcome(UNHEALTHY, f"answered {response.status}, not with a JSON object")
    told = [str(body.get(name, "-")) for name in ("environment", "version")]
    if response.status != 200 or body.get("status") != "healthy":
        return outcome(UNHEALTHY, f"answered {response.status}, status {body.get('status')!r}", *told)
    wrong = [name for name, kind in SHAPE.items() if not isinstance(body.get(name), kind)]
    if wrong or body.get("service") != SERVICE:
        return outcome(
            UNHEALTHY, f"not the answer of {SERVICE}: wrong {', '.join(wrong or ['service'])}", *told
        )
    return outcome(HEALTHY, "", *told)


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Return p50, p95 and p99 by the nearest rank: each is one of the values."""
    ranked = sorted(values)
    return {
        f"p{percent}": round(ranked[math.ceil(percent / 100 * len(ranked)) - 1], 1)
        for percent in (50, 95, 99)
    }


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Misuse(f"{self.format_usage()}{message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m scripts.operate.health", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--url", help="of the service; /health is added when it has no path")
    where.add_argument("--env", help="dev, staging, prod or local; without it and --url: all three")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of one line")
    parser.add_argument("--count", type=_count, default=1, metavar="N", help="how many requests to make")
    parser.add_argument("--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="of each request; 5")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("must be a number of seconds above 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
