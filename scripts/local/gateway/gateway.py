"""API Gateway on one port: a WebSocket API at its stage's path, and an HTTP API at all other paths.

On AWS each API has a host of its own.
"""

from collections.abc import Callable

from aiohttp import web

from scripts.local.config.http_api import HttpApi
from scripts.local.gateway import http_responses, steps
from scripts.local.gateway.access_log import AccessLog
from scripts.local.gateway.http_exchange import HttpExchange
from scripts.local.gateway.jwt_authorizer import FetchKeys
from scripts.local.gateway.received_request import ReceivedRequest, new_id
from scripts.local.gateway.websocket_api import WebSocketGateway
from scripts.local.lambda_.invocation import Functions
from scripts.local.servers import SHUTDOWN_SECONDS, Server

# Larger than API Gateway's limit, so that the steps refuse large headers and not aiohttp.
_PARSER_LIMIT_BYTES = 64 * 1024


class Gateway(Server):
    """Serves a declared HTTP API, and a WebSocket API if there is one.

    `clock` returns epoch seconds. `write_log` writes to the access log.
    """

    def __init__(
        self,
        api: HttpApi,
        functions: Functions,
        fetch_keys: FetchKeys,
        websockets: WebSocketGateway | None = None,
        *,
        clock: Callable[[], float],
        write_log: Callable[[str], object],
    ) -> None:
        self._api = api
        self._websockets = websockets
        self._clock = clock
        access_log = AccessLog(api.access_log_format, write_log, clock)
        self._steps = steps.http_request(functions, fetch_keys, access_log)

    def runner(self) -> web.ServerRunner:
        """Serve with a parser that leaves requests as they are."""
        server = web.Server(
            self._handle,
            auto_decompress=False,
            access_log=None,
            max_line_size=_PARSER_LIMIT_BYTES,
            max_field_size=_PARSER_LIMIT_BYTES,
            max_headers=1_000,
        )
        return web.ServerRunner(server, shutdown_timeout=SHUTDOWN_SECONDS)

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port."""
        if self._websockets:
            self._websockets.start()
        return await super().start(port)

    async def stop(self) -> None:
        """Stop listening, and drop all connections."""
        if self._websockets:
            self._websockets.stop()
        await super().stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._websockets and request.path == self._websockets.path:
            return await self._websockets.handle(request)
        received = ReceivedRequest.of(request, self._clock())
        exchange = HttpExchange(new_id(), received.at, self._api, received, request)
        await self._steps.run(exchange)
        return http_responses.send(exchange)
