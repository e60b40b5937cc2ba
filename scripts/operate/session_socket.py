"""A WebSocket to a session, for commands at a terminal: where the service is, and why it refuses."""

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from scripts import local_system
from scripts.errors import CommandError

HEARTBEAT_SECONDS = 4 * 60
"""API Gateway closes a connection after 10 minutes without a message."""

# Clients see only the status of a refused handshake.
_REFUSALS = {
    400: "The session id or the language is not valid, or the token is not that of the session's speaker.",
    401: "The token is invalid or has expired.",
    403: "The token does not give access to this session.",
    404: "There is no session {session}.",
    410: "The session {session} has ended.",
    429: "Too many connections came from this address. Wait a minute.",
    503: "The session {session} is full, or the service is too busy. Try again later.",
}

Socket = aiohttp.ClientWebSocketResponse


class ConnectionLost(CommandError):
    """The service or the network has closed the connection, and the session has not ended."""

    def __init__(self, close_code: int | None) -> None:
        super().__init__(f"The connection was lost ({close_code}), but the session has not ended.")


@dataclass(frozen=True)
class Service:
    """The URLs of both APIs."""

    url: str
    websocket_url: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the session, and the options that say where the service is."""
    parser.add_argument("session", help="id of the session, such as blessed-shepherd-427")
    parser.add_argument("--url", help="URL of a deployed HTTP API; without it, the local system is used")
    parser.add_argument("--websocket-url", help="URL of the WebSocket API of that system")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)


def check_arguments(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with an error unless both URLs are given, or none."""
    if bool(options.url) != bool(options.websocket_url):
        parser.error("--url and --websocket-url must be given together")


def run(options: argparse.Namespace, use: Callable[[Service], Awaitable[None]]) -> None:
    """Use the service to its end or to Ctrl-C. Raises CommandError, also when it does not answer."""
    service = Service(options.url or "", options.websocket_url or "")
    if not options.url:
        system = local_system.require(options.work)
        service = Service(system.url, system.websocket_url)

    async def use_service() -> None:
        await use(service)

    try:
        asyncio.run(use_service())
    except KeyboardInterrupt:
        print("\nDisconnected.")
    except (aiohttp.ClientError, OSError) as problem:
        raise CommandError(f"{service.websocket_url} does not answer: {problem}") from None


@contextlib.asynccontextmanager
async def connected(service: Service, session_id: str, **query: str | None) -> AsyncIterator[Socket]:
    """Connect to a session with the query parameters that are given, and send heartbeats meanwhile.

    Raises CommandError when there is no such live session, or the handshake is refused.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        await _require_live(client, service, session_id)
        given = {name: value for name, value in query.items() if value}
        try:
            socket = await client.ws_connect(service.websocket_url, params={"sessionId": session_id, **given})
        except aiohttp.WSServerHandshakeError as refused:
            reason = _REFUSALS.get(refused.status, "The service answered the handshake with {status}.")
            raise CommandError(reason.format(session=session_id, status=refused.status)) from None
        heartbeats = asyncio.create_task(_send_heartbeats(socket))
        try:
            yield socket
        finally:
            heartbeats.cancel()
            await socket.close()


async def _require_live(client: aiohttp.ClientSession, service: Service, session_id: str) -> None:
    """Raise CommandError for a session that does not exist or has ended. Other answers tell nothing."""
    async with client.get(f"{service.url}/sessions/{session_id}") as response:
        if response.status == 404:
            raise CommandError(_REFUSALS[404].format(session=session_id))
        session: dict[str, Any] = await response.json() if response.status == 200 else {}
        if session.get("status") == "ended":
            raise CommandError(_REFUSALS[410].format(session=session_id))


async def _send_heartbeats(socket: Socket) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await socket.send_json({"action": "heartbeat"})


async def messages(socket: Socket) -> AsyncIterator[dict[str, Any]]:
    """Yield each message until the session has ended. Raises ConnectionLost."""
    async for received in socket:
        message = json.loads(received.data) if received.data else {}
        yield message
        if message.get("type") == "sessionEnded":
            return
    raise ConnectionLost(socket.close_code)


def show(line: str) -> None:
    """Print a line with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
