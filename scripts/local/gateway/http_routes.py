"""Which route of an HTTP API a request matches.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

import functools
import re

from scripts.local.config.http_api import Route
from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.http_exchange import HttpExchange


async def match(exchange: HttpExchange) -> None:
    """Find the route and the values of its path parameters; 404 when there is none."""
    path = exchange.path
    if exchange.api.stage != "$default":
        path = path.removeprefix(f"/{exchange.api.stage}") or "/"
    for pattern, route in _patterns(exchange.api.routes):
        values = pattern.fullmatch(path)
        if values and route.method in (exchange.received.method, "ANY", ""):
            names = re.findall(r"{(\w+)\+?}", route.path)
            exchange.route = route
            exchange.path_parameters = dict(zip(names, values.groups(), strict=True))
            exchange.log["routeKey"] = route.key
            return
    raise GatewayError(404, "Not Found")


@functools.cache
def _patterns(routes: tuple[Route, ...]) -> list[tuple[re.Pattern[str], Route]]:
    return [(_pattern(route), route) for route in sorted(routes, key=_precedence)]


def _precedence(route: Route) -> tuple[int, int, int]:
    """Sort full matches first, then paths with parameters, greedy ones, and $default last."""
    kind = 3 if route.path == "$default" else 2 if "+}" in route.path else 1 if "{" in route.path else 0
    return kind, -len(route.path.split("/")), int(route.method == "ANY")


def _pattern(route: Route) -> re.Pattern[str]:
    if route.path == "$default":
        return re.compile(r".*", re.DOTALL)
    parts = re.split(r"({\w+\+?})", route.path)
    expressions = [
        re.escape(part) if not part.startswith("{") else "(.+)" if part.endswith("+}") else "([^/]+)"
        for part in parts
    ]
    return re.compile("".join(expressions), re.DOTALL)
