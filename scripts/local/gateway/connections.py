"""The open WebSockets, and @connections: how functions send to one, ask for one and close one.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from aiohttp import web

from scripts.local.gateway.websocket_events import Connection

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
MESSAGE_LIMIT_BYTES = 128 * 1024

Permitted = Callable[[str, str, str], bool]
"""Whether whoever signed, by Authorization, may use a method on a path."""

CLOSE_SECONDS = 2.0
"""How long a client may take to read what was sent before its end; then it is cut off."""

_ERRORS = {
    400: "BadRequestException",
    403: "ForbiddenException",
    410: "GoneException",
    413: "PayloadTooLargeException",
    429: "LimitExceededException",
}


class Close(NamedTuple):
    """How a connection is closed: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1."""

    code: int
    reason: str


class OpenConnection:
    """One open WebSocket. What is sent stands in line, so nobody waits for a client that reads slowly."""

    def __init__(
        self,
        connection: Connection,
        request: web.BaseRequest,
        socket: web.WebSocketResponse,
        clock: Callable[[], float],
    ) -> None:
        self.connection = connection
        self.socket = socket
        self._request = request
        self.closed_with: Close | None = None
        self._clock = clock
        self.last_active = clock()
        self._line: asyncio.Queue[str | bytes | Close] = asyncio.Queue()

    def touch(self) -> None:
        """Remember that a message went over it just now, in whichever direction."""
        self.last_active = self._clock()

    def send(self, message: str | bytes) -> None:
        """Send after all that was sent before."""
        self.touch()
        self._line.put_nowait(message)

    def close(self, code: int, reason: str) -> None:
        """Close after all that was sent before; only the first time counts."""
        if self.closed_with is None:
            self.closed_with = Close(code, reason)
            self._line.put_nowait(self.closed_with)
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._cut_off)

    async def write(self) -> None:
        """Write what is in the line to the client, until the end."""
        while not isinstance(message := await self._line.get(), Close):
            if isinstance(message, str):
                await self.socket.send_str(message)
            else:
                await self.socket.send_bytes(message)
        await self.socket.close(code=message.code, message=message.reason.encode())

    def _cut_off(self) -> None:
        if self._request.transport:
            self._request.transport.abort()


class Connections:
    """The open connections of one stage, by id, served at /<stage>/@connections/<id>.

    `permitted` says whether whoever signed may do so; it is asked with Authorization, method and path.
    `refuse` may have API Gateway refuse what a function wants: it is asked with the method and the
    connection's id, and returns a status, 429 say, or None.
    """

    def __init__(
        self,
        permitted: Permitted = lambda *_: True,
        refuse: Callable[[str, str], int | None] = lambda _, __: None,
    ) -> None:
        self._permitted = permitted
        self.open: dict[str, OpenConnection] = {}
        self.refuse = refuse
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen, and return the port."""
        self._runner = web.ServerRunner(web.Server(self.handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1_024).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner:
            await self._runner.cleanup()

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request of a function's."""
        before, _, connection_id = request.path.rpartition("/")
        # Without a signature it is no function's: it may be some web page's in this machine's browser.
        authorization = request.headers.get("authorization", "")
        if not before.endswith("/@connections") or "AWS4-HMAC-SHA256" not in authorization:
            return _error(403)
        if not await asyncio.to_thread(self._permitted, authorization, request.method, request.path):
            return _error(403)
        if not _well_formed(connection_id):
            return _error(400)
        if status := self.refuse(request.method, connection_id):
            return _error(status)
        found = self.open.get(connection_id)
        match request.method, found:
            case "POST" | "GET" | "DELETE", None:
                return _error(410)
            case "POST", OpenConnection():
                return await self._post(request, found)
            case "GET", OpenConnection():
                return web.json_response(_described(found))
            case "DELETE", OpenConnection():
                # Gone from here on, however long the client takes to agree.
                del self.open[connection_id]
                found.close(1000, "Connection Closed Normally")
                return web.Response(status=204)
        return _error(403)

    async def _post(self, request: web.BaseRequest, found: OpenConnection) -> web.Response:
        if (request.content_length or 0) > MESSAGE_LIMIT_BYTES:
            return _error(413)
        data = await request.read()
        if len(data) > MESSAGE_LIMIT_BYTES:
            return _error(413)
        try:
            found.send(data.decode())
        except UnicodeDecodeError:
            found.send(data)
        return web.Response()


def _well_formed(connection_id: str) -> bool:
    try:
        return bool(base64.b64decode(connection_id, altchars=b"-_", validate=True))
    except binascii.Error:
        return False


def _described(found: OpenConnection) -> dict[str, object]:
    def iso(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    handshake = found.connection.handshake
    return {
        "connectedAt": iso(found.connection.connected_at),
        "identity": {"sourceIp": handshake.source_ip, "userAgent": handshake.header("user-agent") or ""},
        "lastActiveAt": iso(found.last_active),
    }


def _error(status: int) -> web.Response:
    response = web.Response(status=status, headers={"x-amzn-errortype": _ERRORS.get(status, "")})
    if status == 413:
        response.force_close()  # the rest of the request was not read
    return response
