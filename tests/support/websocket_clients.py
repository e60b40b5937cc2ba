"""People at their devices: WebSocket clients that remember what they were told, and when."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp

from scripts.local.system import EventLoop, event_loop

PATIENCE_S = 15.0


class Client:
    """One open WebSocket: the messages that came, and the monotonic seconds at which each did."""

    def __init__(self, loop: EventLoop, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []
        self.told_at: list[float] = []
        self.closed_at: float | None = None
        self._loop = loop

    @property
    def close_code(self) -> int | None:
        """What the server said as it closed; None while it is open."""
        return self.socket.close_code if self.closed_at else None

    async def listen(self) -> None:
        """Remember all messages until the end."""
        async for message in self.socket:
            self.told_at.append(time.monotonic())
            self.told.append(json.loads(message.data))
        self.closed_at = time.monotonic()

    def types(self) -> list[str]:
        """Return the types of the messages so far."""
        return [message.get("type", "") for message in self.told]

    def say(self, message: str | bytes) -> None:
        """Send a message."""
        self._loop.run(
            self.socket.send_str(message) if isinstance(message, str) else self.socket.send_bytes(message)
        )

    def leave(self) -> None:
        """Close it from this end."""
        self._loop.run(self.socket.close())


class Refused(Exception):
    """The handshake failed with this status."""

    def __init__(self, error: aiohttp.WSServerHandshakeError) -> None:
        super().__init__(error.status)
        self.status = error.status
        self.headers: Mapping[str, str] = error.headers or {}


class Clients:
    """Opens WebSockets at a URL."""

    def __init__(self, loop: EventLoop, session: aiohttp.ClientSession) -> None:
        self._loop = loop
        self._session = session
        self._opened: list[tuple[Client, asyncio.Task[None]]] = []

    def open(self, url: str, headers: Mapping[str, str] | None = None, **query: str) -> Client:
        """Open one. Raises Refused."""
        return self._loop.run(self._open(url, headers, query))

    def open_all(self, url: str, queries: list[dict[str, str]]) -> list[Client | int]:
        """Open all at the same moment: each is there at last, or the status that refused it."""

        async def one(query: dict[str, str]) -> Client | int:
            try:
                return await self._open(url, None, query)
            except Refused as refused:
                return refused.status

        async def all_of_them() -> list[Client | int]:
            return await asyncio.gather(*map(one, queries))

        return self._loop.run(all_of_them())

    async def _open(self, url: str, headers: Mapping[str, str] | None, query: Mapping[str, str]) -> Client:
        try:
            socket = await self._session.ws_connect(url, params=query, headers=headers, max_msg_size=0)
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(error) from None
        client = Client(self._loop, socket)
        self._opened.append((client, asyncio.create_task(client.listen())))
        return client

    async def leave_all(self) -> None:
        """End whatever is open."""
        for _, task in self._opened:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._opened), return_exceptions=True)
        # Nobody listens to the answer any more, so none is waited for.
        await asyncio.gather(*(client.socket.close() for client, _ in self._opened))
        await self._session.close()


@contextmanager
def clients(address: str = "127.0.0.1") -> Iterator[Clients]:
    """Yield a way to open WebSockets from this address, all of which are closed at the end."""

    async def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, local_addr=(address, 0)))

    with event_loop() as loop:
        opener = Clients(loop, loop.run(session()))
        try:
            yield opener
        finally:
            loop.run(opener.leave_all())


def eventually(holds: Callable[[], object], seconds: float = PATIENCE_S) -> float:
    """Wait until something holds, and return how many seconds it took. Raises AssertionError."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began
