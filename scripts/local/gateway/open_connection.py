"""One open WebSocket: what is sent to the client and read from it, until either side closes it."""

import asyncio
import contextlib
from collections.abc import Callable

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from scripts.local.gateway.frames import limit_frames
from scripts.local.gateway.websocket_exchange import CloseFrame, Connection

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
FRAME_LIMIT_BYTES = 32 * 1024
MESSAGE_LIMIT_BYTES = 128 * 1024

CLOSE_SECONDS = 2.0
"""How long a client may take to read what was sent before the close; then its connection is aborted."""


class OpenConnection:
    """A connection whose handshake was accepted. Messages are queued; no sender waits for a slow reader."""

    def __init__(
        self,
        connection: Connection,
        request: web.BaseRequest,
        socket: web.WebSocketResponse,
        clock: Callable[[], float],
    ) -> None:
        self.connection = connection
        self.last_active = clock()
        self._closed_by_us: CloseFrame | None = None
        self._request = request
        self._socket = socket
        self._clock = clock
        self._queue: asyncio.Queue[str | bytes | CloseFrame] = asyncio.Queue()

    def send(self, message: str | bytes) -> None:
        """Send a message after those that are queued."""
        self.last_active = self._clock()
        self._queue.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        """Close the connection after the queued messages. Only the first call has an effect."""
        if self._closed_by_us is None:
            self._closed_by_us = CloseFrame(code, reason)
            self._queue.put_nowait(self._closed_by_us)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._abort)

    async def run(self, on_message: Callable[[str], object]) -> CloseFrame:
        """Complete the handshake, serve the connection to its end, and return why it was closed.

        `on_message` must not block. A binary message closes the connection: API Gateway takes text only.
        """
        closed = CloseFrame(1006, "Connection closed abnormally")
        with contextlib.suppress(ConnectionError):  # the client is gone before the handshake is complete
            await self._socket.prepare(self._request)
            limit_frames(
                self._request.protocol, FRAME_LIMIT_BYTES, lambda: self.close(1009, "Message too long")
            )
            writing = asyncio.create_task(self._write())
            try:
                closed = await self._read(on_message)
                if self._closed_by_us:
                    await writing
            finally:
                writing.cancel()
        return self._closed_by_us or closed

    async def _read(self, on_message: Callable[[str], object]) -> CloseFrame:
        while True:
            message: WSMessage = await self._socket.receive()
            match message.type:
                case WSMsgType.TEXT:
                    self.last_active = self._clock()
                    on_message(message.data)
                case WSMsgType.BINARY:
                    self.close(1003, "Unsupported data")
                case WSMsgType.CLOSE:
                    await self._socket.close()
                    if message.data:
                        return CloseFrame(message.data, message.extra or "")
                    return CloseFrame(1005, "Client-side close frame status not set")
                case WSMsgType.ERROR if isinstance(message.data, WebSocketError):
                    return CloseFrame(message.data.code, str(message.data))  # aiohttp has closed it
                case _:
                    return CloseFrame(1006, "Connection closed abnormally")

    async def _write(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client is gone; _read ends too
            while not isinstance(message := await self._queue.get(), CloseFrame):
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
            await self._socket.close(code=message.code, message=message.reason.encode())

    def _abort(self) -> None:
        if self._request.transport:
            self._request.transport.abort()
