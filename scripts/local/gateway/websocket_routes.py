"""What functions decide about a handshake, the routes of messages, and the answers to them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
"""

import json
from collections.abc import Mapping

from scripts.local.config.websocket_api import REQUEST_TIME
from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.websocket_exchange import WebSocketExchange


async def check_connect_status(exchange: WebSocketExchange) -> None:
    """Refuse the handshake with the function's status unless that is a success; 502 when it has none.

    Of the rest only the subprotocol reaches the client.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-connect-route-subprotocol.html
    """
    status, _, headers = _parse_result(exchange)
    if status >= 300:
        raise GatewayError(status)
    exchange.subprotocol = headers.get("sec-websocket-protocol")


async def match_message(exchange: WebSocketExchange) -> None:
    """Find the route that the message's action selects, or $default; 403 when there is none."""
    routes = exchange.api.messages
    exchange.route = routes.get(_action(exchange.message)) or routes.get("$default")
    if exchange.route is None:
        raise GatewayError(403, "Forbidden")


async def reply_with_template(exchange: WebSocketExchange) -> None:
    """Reply with the response template of the route's mock integration, if it has one."""
    if exchange.route.body is not None:
        exchange.response = REQUEST_TIME.sub(str(int(exchange.at * 1_000)), exchange.route.body)


async def reply_with_result(exchange: WebSocketExchange) -> None:
    """Reply with the body of the function's result, whatever its status, if the route has a route response.

    The message is empty when the result has no body. Without a valid status it is a 502.
    """
    status, body, _ = _parse_result(exchange)
    exchange.log["status"] = status
    if exchange.route.answers:
        exchange.response = body


def _parse_result(exchange: WebSocketExchange) -> tuple[int, str, Mapping[str, str]]:
    """Return the status, the body and the headers, in lower case, of the function's result."""
    try:
        result = json.loads(exchange.result.payload)
        status, body = int(result["statusCode"]), result.get("body") or ""
        headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        status, body, headers = 0, "", {}
    if not 200 <= status <= 599 or not isinstance(body, str):
        raise GatewayError(502, "Internal server error", cause="The result has no valid statusCode")
    return status, body, headers


def _action(message: str) -> str:
    try:
        action = json.loads(message)["action"]
    except (ValueError, TypeError, KeyError):
        return "$default"
    return action if isinstance(action, str) else "$default"
