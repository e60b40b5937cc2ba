"""What API Gateway does, step by step, with HTTP requests and with the events of WebSockets.

Each step is in the module that it is named after. A step that sets the response, or raises GatewayError, ends
its chain; the statuses of its errors stand beside it. The steps in `always` follow in any case.
"""

from scripts.local.config.websocket_api import MockRoute
from scripts.local.gateway import (
    cors,
    http_events,
    http_requests,
    http_responses,
    http_routes,
    websocket_events,
    websocket_routes,
)
from scripts.local.gateway.access_log import AccessLog
from scripts.local.gateway.chain import Chain
from scripts.local.gateway.http_exchange import HttpExchange
from scripts.local.gateway.integration import HTTP_ERRORS, WEBSOCKET_ERRORS, Integration
from scripts.local.gateway.jwt_authorizer import FetchKeys, JwtVerifier
from scripts.local.gateway.lambda_authorizer import LambdaAuthorizer
from scripts.local.gateway.throttle import TokenBuckets
from scripts.local.gateway.websocket_exchange import WebSocketExchange
from scripts.local.lambda_.invocation import Functions


def http_request(functions: Functions, fetch_keys: FetchKeys, access_log: AccessLog) -> Chain[HttpExchange]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html."""
    return Chain(
        http_requests.check_header_size,  # 431
        http_requests.decode_path,  # 400, 404
        cors.answer_preflight,  # 204
        http_routes.match,  # 404
        TokenBuckets().take,  # 429
        JwtVerifier(fetch_keys).authorize,  # 401, 403
        http_requests.read_body,  # 413
        http_events.build,
        Integration(functions, HTTP_ERRORS).invoke,  # 413, 500, 503
        http_responses.map_result,  # 500
        always=(cors.add_headers, access_log.write),
    )


def websocket_connect(functions: Functions, access_log: AccessLog) -> Chain[WebSocketExchange]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-route-keys-connect-disconnect.html."""
    return Chain(
        TokenBuckets().take,  # 429
        LambdaAuthorizer(functions).authorize,  # 401, 403, 500
        websocket_events.build_connect,
        Integration(functions, WEBSOCKET_ERRORS).invoke,  # 500, 502, 504
        websocket_routes.check_connect_status,  # the function's status, 502
        always=(access_log.write,),
    )


def websocket_message(functions: Functions, access_log: AccessLog) -> Chain[WebSocketExchange]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html."""
    invoke = Integration(functions, WEBSOCKET_ERRORS).invoke

    async def integrate(exchange: WebSocketExchange) -> None:
        if isinstance(exchange.route, MockRoute):
            await websocket_routes.reply_with_template(exchange)
            return
        await websocket_events.build_message(exchange)
        await invoke(exchange)
        await websocket_routes.reply_with_result(exchange)

    return Chain(
        websocket_routes.match_message,  # 403
        TokenBuckets().take,  # 429
        integrate,  # 500, 502, 504
        always=(access_log.write,),
    )


def websocket_disconnect(functions: Functions, access_log: AccessLog) -> Chain[WebSocketExchange]:
    """$disconnect is best effort; its response is sent to no client."""
    return Chain(
        TokenBuckets().take,
        websocket_events.build_disconnect,
        Integration(functions, WEBSOCKET_ERRORS).invoke,
        always=(access_log.write,),
    )
