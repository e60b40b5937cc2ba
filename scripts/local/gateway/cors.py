"""CORS of an HTTP API. It follows the API's configuration alone; what functions return about CORS is ignored.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

import dataclasses

from scripts.local.config.http_api import Cors
from scripts.local.gateway.http_exchange import HttpExchange, Response


async def answer_preflight(exchange: HttpExchange) -> None:
    """Answer OPTIONS with 204. Without a CORS configuration it is a method like any other."""
    cors = exchange.api.cors
    if cors is None or exchange.received.method != "OPTIONS":
        return
    headers = _headers(cors, exchange.received.header("origin"))
    if headers:
        if cors.allow_methods:
            headers["access-control-allow-methods"] = ",".join(cors.allow_methods)
        if cors.allow_headers:
            headers["access-control-allow-headers"] = ",".join(cors.allow_headers)
        if cors.max_age is not None:
            headers["access-control-max-age"] = str(cors.max_age)
    exchange.response = Response(204, headers=[*headers.items()])


async def add_headers(exchange: HttpExchange) -> None:
    """Replace the CORS headers of the response by those of the API."""
    response, cors = exchange.response, exchange.api.cors
    if response is None or cors is None or exchange.received.method == "OPTIONS":
        return
    kept = [(name, value) for name, value in response.headers if not name.startswith("access-control-")]
    added = _headers(cors, exchange.received.header("origin"))
    exchange.response = dataclasses.replace(response, headers=[*kept, *added.items()])


def _headers(cors: Cors, origin: str | None) -> dict[str, str]:
    """Return the headers of any response to this origin; none when it is not allowed."""
    if origin is None or not _allows(cors, origin):
        return {}
    headers = {"access-control-allow-origin": "*" if "*" in cors.allow_origins else origin}
    if cors.allow_credentials:
        headers["access-control-allow-credentials"] = "true"
    if cors.expose_headers:
        headers["access-control-expose-headers"] = ",".join(cors.expose_headers)
    return headers


def _allows(cors: Cors, origin: str) -> bool:
    scheme, _, _ = origin.partition("://")
    return not {"*", f"{scheme}://*", origin}.isdisjoint(cors.allow_origins)
