"""The floods of docs/security.md: what each route's limit in prod lets a stranger do, and its cost an hour.

The costs use the model of docs/cost.md. tests/unit/scripts/docs/test_floods.py compares the routes and the
limits with Terraform.
"""

import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from scripts.docs import cost
from scripts.docs.cost import OPERATIONS, Use
from scripts.docs.markdown import markdown_table
from scripts.project import ROOT

SECONDS_PER_HOUR = 3600
HEARTBEAT_SECONDS = 300  # docs/api.md
ACCOUNT_REQUESTS_PER_SECOND = 10_000
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""

_ACCESS_LOG_LINE = Use(log_bytes=300)
_UNAUTHORIZED = Use(http_requests=1) + _ACCESS_LOG_LINE
# A stranger who joins and leaves. To be on the safe side, no two of them share a count.
_JOIN = cost.STAY
# A listener who changes to and fro. Each change is counted, and the last captions are sent in the language.
_LANGUAGE_CHANGE = (
    OPERATIONS["change the language"].total()
    + OPERATIONS["send the last captions in it"].total()
    + cost.COUNT
)


class Throttle(NamedTuple):
    """The limit of a route: requests per second, and how many at once."""

    requests_per_second: int
    burst: int


@dataclass(frozen=True)
class Flood:
    """A flood of one route. `use` is that of one request, `refuses` what others cannot do meanwhile."""

    api: str
    route: str
    sender: str
    use: Use
    refuses: str


FLOODS = (
    Flood("http_api", "POST /sessions", "anybody, with an invalid token", _UNAUTHORIZED, "creating sessions"),
    Flood("http_api", "GET /sessions", "anybody, with an invalid token", _UNAUTHORIZED, "listing sessions"),
    Flood(
        "http_api",
        "PATCH /sessions/{sessionId}",
        "anybody, with an invalid token",
        _UNAUTHORIZED,
        "updating sessions",
    ),
    Flood(
        "http_api",
        "DELETE /sessions/{sessionId}",
        "anybody, with an invalid token",
        _UNAUTHORIZED,
        "ending sessions by DELETE",
    ),
    Flood(
        "http_api",
        "GET /sessions/{sessionId}",
        "anybody",
        OPERATIONS["get"].total(),
        "reading sessions, also before joining",
    ),
    Flood(
        "http_api",
        "GET /sessions/{sessionId}/captions",
        "anybody",
        OPERATIONS["list captions"].total(),
        "reading what was said before",
    ),
    Flood(
        "http_api", "GET /health", "anybody", OPERATIONS["get"].total(), "health checks: a probe receives 429"
    ),
    Flood("websocket_api", "$connect", "anybody", _JOIN, "joining"),
    Flood(
        "websocket_api",
        "$disconnect",
        "who connects as often; perhaps one connection",
        OPERATIONS["disconnect"].total(),
        "nothing; who has gone counts as a listener until the row is swept",
    ),
    Flood(
        "websocket_api",
        "heartbeat",
        "one connection",
        OPERATIONS["heartbeat"].total(),
        "heartbeats: a connection without any message closes after ten minutes",
    ),
    Flood(
        "websocket_api",
        "joinSession",
        "one connection",
        OPERATIONS["describe the session again"].total(),
        "nothing but a repetition: clients get the same message unasked",
    ),
    Flood(
        "websocket_api",
        "changeLanguage",
        "one connection of a listener",
        _LANGUAGE_CHANGE,
        "changing the language of an open connection",
    ),
    Flood(
        "websocket_api",
        "publishCaption",
        "one connection, also of a listener",
        OPERATIONS["publish a caption"].total(),
        "publishing captions",
    ),
    Flood(
        "websocket_api",
        "audioChunk",
        "one connection, also of a listener, if there is an audio stream",
        OPERATIONS["send a chunk of audio"].total(),
        "sending audio",
    ),
    Flood(
        "websocket_api",
        "$default",
        "one connection",
        OPERATIONS["heartbeat"].total(),
        "nothing that clients need",
    ),
)
"""The floods of all routes. AWS does not say whether a message can select the route `$disconnect`."""


def throttles(environment: str) -> dict[str, dict[str, Throttle]]:
    """Return the limits in an environment's tfvars by API and route key; `default` is for other routes."""
    text = (ROOT / f"terraform/environments/{environment}.tfvars").read_text()
    apis = re.findall(r"^  (\w+_api) = \{\n(.*?)^  \}$", text, re.MULTILINE | re.DOTALL)
    limit = re.compile(
        r'^ +"?([^"=\n]+?)"? += \{ requests_per_second = (\d+), burst = (\d+) \}', re.MULTILINE
    )
    return {
        api: {route: Throttle(int(rate), int(burst)) for route, rate, burst in limit.findall(routes)}
        for api, routes in apis
    }


def limit(flood: Flood, limits: dict[str, dict[str, Throttle]]) -> Throttle:
    """Return the limit of the flood's route."""
    api = limits[flood.api]
    return api.get(flood.route, api["default"])


def cost_per_hour(flood: Flood, throttle: Throttle) -> float:
    """Return US dollars for an hour of the flood at the limit of its route."""
    return sum(cost.costs(flood.use * (throttle.requests_per_second * SECONDS_PER_HOUR)).values())


def section() -> str:
    """Return the table of floods, and its totals, for the limits of prod."""
    limits = throttles("prod")
    rows, total_cost, total_rate = [], 0.0, 0
    for flood in FLOODS:
        throttle = limit(flood, limits)
        flood_cost = cost_per_hour(flood, throttle)
        total_cost += flood_cost
        total_rate += throttle.requests_per_second
        rows.append(
            [
                f"`{flood.route}`",
                flood.sender,
                flood.refuses,
                f"{throttle.requests_per_second:,}",
                f"${flood_cost:.2f}",
            ]
        )
    head = ("route", "who can", "what others cannot do meanwhile", "requests/s", "an hour costs at most")
    heartbeats = limits["websocket_api"]["heartbeat"].requests_per_second * HEARTBEAT_SECONDS
    account = ACCOUNT_REQUESTS_PER_SECOND
    remaining = account - total_rate
    updates = next(flood for flood in FLOODS if flood.route.startswith("PATCH"))
    signed_in_cost = cost_per_hour(replace(updates, use=cost.UPDATE), limit(updates, limits))
    lines = (
        f"- All routes at once: {total_rate:,} requests/s, ${total_cost:.2f} an hour.",
        f"- {remaining:,} of the account's {account:,} requests/s remain for messages that functions post.",
        f"- A speaker who updates their session as often as the limit allows: ${signed_in_cost:.2f} an hour.",
        f"- The limit of heartbeats is enough for {heartbeats:,} connections, one each in five minutes.",
    )
    return "\n".join([markdown_table(head, rows, left=3), "", *lines])
