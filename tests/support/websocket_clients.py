"""WebSocket clients that keep the messages they receive."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import aiohttp

from scripts.local.event_loop import EventLoop

WELCOME = ("sessionJoined", "captions")
"""The types of what the service sends to each connection that it has admitted."""


class WebSocketClient:
    """One open WebSocket: the messages received so far, and the monotonic seconds at which each arrived.

    `texts` are the messages as they were sent, `messages` those that are not empty, as objects.
    """

    def __init__(self, loop: EventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.texts: list[str] = []
        self.messages: list[dict[str, Any]] = []
        self.received_at: list[float] = []
        self.closed = False
        self._loop = loop

    @property
    def close_code(self) -> int | None:
        """The code with which it was closed; None while it is open."""
        return self.socket.close_code if self.closed else None

    async def receive(self) -> None:
        """Keep all messages until it is closed."""
        async for message in self.socket:
            self.received_at.append(time.monotonic())
            self.texts.append(message.data)
            if message.data:
                self.messages.append(json.loads(message.data))
        self.closed = True

    @property
    def notices(self) -> list[dict[str, Any]]:
        """The messages received so far, without the welcome."""
        return [message for message in self.messages if message.get("type") not in WELCOME]

    def types(self) -> list[str]:
        """Return the types of the messages received so far, without the welcome."""
        return [message.get("type", "") for message in self.notices]

    def send(self, message: str | bytes) -> None:
        """Send a message."""
        self._loop.run(
            self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message)
        )

    def close(self) -> None:
        """Close it from this end."""
        self._loop.run(self.socket.close())


class HandshakeRefused(Exception):
    """The handshake was answered with this status."""

    def __init__(self, error: aiohttp.WSServerHandshakeError) -> None:
        super().__init__(error.status)
        self.status = error.status
        self.headers: Mapping[str, str] = error.headers or {}


class WebSocketClients:
    """Opens WebSockets."""

    def __init__(self, loop: EventLoop, session: aiohttp.ClientSession) -> None:
        self.loop = loop
        self._session = session
        self._open_clients: list[tuple[WebSocketClient, asyncio.Task[None]]] = []

    def open(
        self, url: str, headers: Mapping[str, str] | None = None, protocols: Sequence[str] = (), **query: str
    ) -> WebSocketClient:
        """Open one that offers these subprotocols. Raises HandshakeRefused."""
        return self.loop.run(self._open(url, headers, query, protocols))

    def open_all(
        self, url: str, queries: Sequence[Mapping[str, str]], *, at_once: int | None = None
    ) -> list[WebSocketClient | int]:
        """Open all, `at_once` of them at a time. Return for each the client or its refusal's status."""
        places = asyncio.Semaphore(at_once or len(queries))

        async def open_one(query: Mapping[str, str]) -> WebSocketClient | int:
            async with places:
                try:
                    return await self._open(url, None, query)
                except HandshakeRefused as refused:
                    return refused.status

        async def open_each() -> list[WebSocketClient | int]:
            return await asyncio.gather(*map(open_one, queries))

        return self.loop.run(open_each())

    async def _open(
        self,
        url: str,
        headers: Mapping[str, str] | None,
        query: Mapping[str, str],
        protocols: Sequence[str] = (),
    ) -> WebSocketClient:
        try:
            socket = await self._session.ws_connect(
                url, params=query, headers=headers, protocols=protocols, max_msg_size=0
            )
        except aiohttp.WSServerHandshakeError as error:
            raise HandshakeRefused(error) from None
        client = WebSocketClient(self.loop, socket)
        self._open_clients.append((client, asyncio.create_task(client.receive())))
        return client

    async def close_all(self) -> None:
        """Close all that are open."""
        for _, task in self._open_clients:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._open_clients), return_exceptions=True)
        # Nothing reads the answers any more, so this does not wait for them.
        await asyncio.gather(*(client.socket.close() for client, _ in self._open_clients))
        await self._session.close()


@contextmanager
def websocket_clients(address: str = "127.0.0.1") -> Iterator[WebSocketClients]:
    """Yield a way to open WebSockets from this address. All of them are closed at the end."""

    async def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, local_addr=(address, 0)))

    with EventLoop() as loop:
        clients = WebSocketClients(loop, loop.run(session()))
        try:
            yield clients
        finally:
            loop.run(clients.close_all())
