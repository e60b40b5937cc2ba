"""A WebSocket API of API Gateway: its events run through the steps of `steps`, one chain for each kind.

A connection exists as soon as its $connect is answered. Pings are answered, but are not messages. Messages of
one connection run side by side, so their answers may come in another order.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

import asyncio
import logging
from collections.abc import Callable

from aiohttp import web
from aiohttp.log import ws_logger

from scripts.local.config.websocket_api import FunctionRoute, WebSocketApi
from scripts.local.gateway import steps
from scripts.local.gateway.access_log import AccessLog
from scripts.local.gateway.open_connection import CLOSE_SECONDS, MESSAGE_LIMIT_BYTES, OpenConnection
from scripts.local.gateway.received_request import ReceivedRequest, new_id
from scripts.local.gateway.websocket_exchange import Connection, WebSocketExchange
from scripts.local.lambda_.invocation import Functions

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
IDLE_SECONDS = 10 * 60
LIFE_SECONDS = 2 * 60 * 60

_CHECK_SECONDS = 0.5


class WebSocketGateway:
    """Serves a declared WebSocket API and keeps its open connections, by id, in `connections`.

    `clock` returns epoch seconds, `write_log` writes to the access log. `loses_disconnect` decides by a
    connection's id whether its $disconnect is lost, as may happen on AWS; tests set it.
    """

    def __init__(
        self,
        api: WebSocketApi,
        functions: Functions,
        connections: dict[str, OpenConnection],
        *,
        clock: Callable[[], float],
        write_log: Callable[[str], object],
    ) -> None:
        self.loses_disconnect: Callable[[str], bool] = lambda _: False
        self._api = api
        self._connections = connections
        self._clock = clock
        access_log = AccessLog(api.access_log_format, write_log, clock)
        self._connect_steps = steps.websocket_connect(functions, access_log)
        self._message_steps = steps.websocket_message(functions, access_log)
        self._disconnect_steps = steps.websocket_disconnect(functions, access_log)
        self._closing: asyncio.Task[None] | None = None
        self._messages: set[asyncio.Task[None]] = set()

    @property
    def path(self) -> str:
        """Where it is served: the stage's name."""
        return f"/{self._api.stage}"

    def start(self) -> None:
        """Begin to close idle and old connections."""
        # Its warning about subprotocols that are not selected has them, and so the client's token.
        ws_logger.setLevel(logging.ERROR)
        self._closing = asyncio.create_task(self._close_expired_regularly())

    def stop(self) -> None:
        """Stop closing connections, and drop the messages that functions have not answered yet.

        The server that has called `handle` drops the connections, without a $disconnect.
        """
        if self._closing:
            self._closing.cancel()
        for message in self._messages:
            message.cancel()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a handshake, and serve the connection to its end."""
        if not web.WebSocketResponse().can_prepare(request).ok:
            return web.json_response({"message": "Upgrade Required"}, status=426)
        connection = Connection(ReceivedRequest.of(request, self._clock()))
        handshake = self._exchange(connection, "CONNECT", self._api.connect)
        await self._connect_steps.run(handshake)
        if handshake.refusal:
            return handshake.refusal
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS,
            protocols=(handshake.subprotocol,) if handshake.subprotocol else (),
            compress=False,
            max_msg_size=MESSAGE_LIMIT_BYTES + 1,
            autoclose=False,
        )
        open_connection = OpenConnection(connection, request, socket, self._clock)

        def on_message(message: str) -> None:
            running = asyncio.create_task(self._answer(open_connection, message))
            self._messages.add(running)
            running.add_done_callback(self._forget_message)

        # Functions may send before the client has seen the answer to its handshake: messages are queued.
        self._connections[connection.id] = open_connection
        try:
            closed = await open_connection.run(on_message)
        finally:
            self._connections.pop(connection.id, None)
        if self._api.disconnect and not self.loses_disconnect(connection.id):
            exchange = self._exchange(connection, "DISCONNECT", self._api.disconnect)
            exchange.closed = closed
            await self._disconnect_steps.run(exchange)
        return socket

    async def _answer(self, open_connection: OpenConnection, message: str) -> None:
        """Run a message through its steps. The answer to a client that has left meanwhile is lost."""
        exchange = self._exchange(open_connection.connection, "MESSAGE")
        exchange.message = message
        await self._message_steps.run(exchange)
        if exchange.response is not None:
            open_connection.send(exchange.response)

    def _forget_message(self, message: asyncio.Task[None]) -> None:
        self._messages.discard(message)
        if not message.cancelled():
            message.result()  # the event loop reports what it raises

    def _exchange(
        self, connection: Connection, event_type: str, route: FunctionRoute | None = None
    ) -> WebSocketExchange:
        exchange = WebSocketExchange(new_id(), self._clock(), self._api, connection, event_type)
        exchange.route = route
        return exchange

    async def _close_expired_regularly(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            await self.close_expired()

    async def close_expired(self) -> None:
        """Close the connections that have been idle or open for too long."""
        now = self._clock()
        for open_connection in list(self._connections.values()):
            idle_until = open_connection.last_active + IDLE_SECONDS
            if now >= min(idle_until, open_connection.connection.handshake.at + LIFE_SECONDS):
                open_connection.close(1001, "Going away")
