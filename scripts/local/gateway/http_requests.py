"""What an HTTP API accepts as a request: the size of its headers and body, and the encoding of its path.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

import re
from urllib.parse import unquote_to_bytes

from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.http_exchange import HttpExchange

HEADER_LIMIT_BYTES = 10_240
"""The request line and the values of all headers together."""

BODY_LIMIT_BYTES = 10 * 1024 * 1024


async def check_header_size(exchange: HttpExchange) -> None:
    """Refuse headers that are too large with 431."""
    line = len(exchange.received.method) + len(exchange.stream.raw_path) + len(" HTTP/1.1 ")
    if line + sum(len(value) for _, value in exchange.stream.raw_headers) > HEADER_LIMIT_BYTES:
        raise GatewayError(431, "Request Header Fields Too Large")


async def decode_path(exchange: HttpExchange) -> None:
    """Decode the path; refuse one that is not UTF-8 with 400, and one of another stage with 404.

    HTTP APIs decode the path before they match it, so %2F divides segments.
    """
    path = exchange.received.path
    if re.search(r"%(?![0-9A-Fa-f]{2})", path) or not path.startswith("/"):
        raise GatewayError(400, "Bad Request")
    try:
        exchange.path = unquote_to_bytes(path).decode()
        exchange.received.query.encode()  # bytes that are not UTF-8 are lone surrogates here
    except UnicodeError:
        raise GatewayError(400, "Bad Request") from None
    stage = exchange.api.stage
    if stage != "$default" and not f"{exchange.path}/".startswith(f"/{stage}/"):
        raise GatewayError(404, "Not Found")


async def read_body(exchange: HttpExchange) -> None:
    """Read the body; refuse one that is too large with 413."""
    if (exchange.stream.content_length or 0) > BODY_LIMIT_BYTES:
        raise GatewayError(413, "Request Entity Too Large")
    body = bytearray()
    async for chunk in exchange.stream.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise GatewayError(413, "Request Entity Too Large")
    exchange.body = bytes(body)
