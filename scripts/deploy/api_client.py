"""A client of a deployed environment: requests to its HTTP API, and WebSockets."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp

from scripts.command_line import report_progress
from scripts.errors import StepFailed

RETRY_SECONDS = 60.0
"""How long a failure is retried that an API has while it is new.

These are failed connections (its name does not resolve yet), and responses that API Gateway gives itself with
RETRIED_STATUSES, for a route or a permission that is not known everywhere yet. Errors of the service have a
`code` and are not retried, except a 503 with Retry-After.
"""
RETRY_INTERVAL_SECONDS = 1.0
RETRIED_STATUSES = frozenset({403, 404, 429, 500, 502, 503, 504})

_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=10)

T = TypeVar("T")


class _Transient(Exception):
    """A failure that may pass; `delay` is the time in seconds after which to try again."""

    def __init__(self, message: str, delay: float = 0) -> None:
        super().__init__(message)
        self.delay = max(delay, RETRY_INTERVAL_SECONDS)


class Connection:
    """An open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def receives(self, seconds: float, **fields: Any) -> bool:
        """Wait for a message with these fields, and return whether it arrived in time; skip other messages.

        Raises StepFailed when the service closes the connection.
        """
        try:
            async with asyncio.timeout(seconds):
                async for message in self._socket:
                    if fields.items() <= json.loads(message.data).items():
                        return True
        except TimeoutError:
            return False
        raise StepFailed(f"The service closed a WebSocket with the code {self._socket.close_code}.")

    async def is_closed_by_the_service(self, seconds: float) -> bool:
        """Return whether the service closes the connection in time."""
        try:
            async with asyncio.timeout(seconds):
                async for _ in self._socket:
                    pass
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """Close it from this end."""
        await self._socket.close()


class ApiClient:
    """Sends requests and opens WebSockets. Create it with `open_client`."""

    def __init__(self, http: aiohttp.ClientSession, url: str, websocket_url: str) -> None:
        self._http = http
        self._url = url
        self._websocket_url = websocket_url
        self._connections: list[Connection] = []

    async def request(self, route: str, expected_status: int, **options: Any) -> dict[str, Any]:
        """Make a request and return the JSON body. Raises StepFailed for any other status."""
        method, path = route.split(" ")

        async def attempt() -> dict[str, Any]:
            async with self._http.request(method, f"{self._url}{path}", **options) as response:
                text = await response.text()
            body = _json_object(text)
            problem = f"{route} responded {response.status}, not {expected_status}: {text[:300]}"
            if response.status in RETRIED_STATUSES and "code" not in (body or {}):
                raise _Transient(problem)
            if response.status == 503 and "Retry-After" in response.headers:
                raise _Transient(problem, delay=float(response.headers["Retry-After"]))
            if response.status != expected_status:
                raise StepFailed(problem)
            if text and body is None:
                raise StepFailed(f"{route} did not respond with a JSON object: {text[:300]}")
            return body or {}

        return await _retry(route, attempt)

    async def connect(self, **query: str) -> Connection:
        """Open a WebSocket. Raises StepFailed when the handshake is refused."""
        socket = await self._handshake(101, query)
        assert socket is not None  # noqa: S101 - that is what 101 means
        connection = Connection(socket)
        self._connections.append(connection)
        return connection

    async def expect_refusal(self, status: int, **query: str) -> None:
        """Request a handshake. Raises StepFailed unless it is refused with this status."""
        await self._handshake(status, query)

    async def close(self) -> None:
        """Close all WebSockets."""
        for connection in self._connections:
            await connection.close()

    async def _handshake(
        self, expected_status: int, query: Mapping[str, str]
    ) -> aiohttp.ClientWebSocketResponse | None:
        """Return the open WebSocket, or None when the handshake was refused, as expected."""

        async def attempt() -> aiohttp.ClientWebSocketResponse | None:
            socket, status = None, 101
            try:
                socket = await self._http.ws_connect(self._websocket_url, params=query)
            except aiohttp.WSServerHandshakeError as refusal:
                status = refusal.status
            if status == expected_status:
                return socket
            if socket:
                await socket.close()
            problem = f"A handshake responded {status}, not {expected_status}."
            raise _Transient(problem) if status in RETRIED_STATUSES else StepFailed(problem)

        return await _retry("A handshake", attempt)


@asynccontextmanager
async def open_client(outputs: Mapping[str, Any]) -> AsyncIterator[ApiClient]:
    """Yield a client of the APIs in these Terraform outputs, and close its WebSockets at the end."""
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True) as http:
        client = ApiClient(http, outputs["http_api_endpoint"], outputs["websocket_url"])
        try:
            yield client
        finally:
            await client.close()


async def _retry(name: str, attempt: Callable[[], Awaitable[T]]) -> T:
    """Return the result of an attempt, and repeat those that fail by _Transient or have no response."""
    deadline = time.monotonic() + RETRY_SECONDS
    reported = False
    while True:
        try:
            return await attempt()
        except (aiohttp.ClientError, TimeoutError) as error:
            failure = _Transient(f"{name} failed: {error or type(error).__name__}")
        except _Transient as error:
            failure = error
        if time.monotonic() >= deadline:
            raise StepFailed(str(failure))
        if not reported:
            report_progress(f"{failure} Retrying for at most {RETRY_SECONDS:.0f} s")
            reported = True
        await asyncio.sleep(failure.delay)


def _json_object(text: str) -> dict[str, Any] | None:
    """Return the object, or None when the text is not a JSON object."""
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
