"""What decides over a handshake and over messages: the function of $connect, and the routes of messages.

https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html
"""

import json

from scripts.local.gateway.chain import GatewayError
from scripts.local.gateway.websocket_exchange import WebSocketExchange


async def check_connect_status(exchange: WebSocketExchange) -> None:
    """Refuse the handshake with the function's status unless that is a success; 502 when it has none.

    Nothing else of the function's result reaches the client.
    """
    try:
        status = int(json.loads(exchange.result.payload)["statusCode"])
    except (ValueError, TypeError, KeyError):
        status = 0
    if not 200 <= status <= 599:
        raise GatewayError(502, "Internal server error", cause="The result has no valid statusCode")
    if status >= 300:
        raise GatewayError(status)


async def match_message(exchange: WebSocketExchange) -> None:
    """Find the route that the message's action selects, or $default; 403 when there is none."""
    routes = exchange.api.messages
    exchange.route = routes.get(_action(exchange.message)) or routes.get("$default")
    if exchange.route is None:
        raise GatewayError(403, "Forbidden")


async def reply(exchange: WebSocketExchange) -> None:
    """Reply with the body of the route's mock integration, if it has one."""
    exchange.response = exchange.route.body


def _action(message: str | bytes) -> str:
    try:
        action = json.loads(message)["action"]
    except (ValueError, TypeError, KeyError):
        return "$default"
    return action if isinstance(action, str) else "$default"
