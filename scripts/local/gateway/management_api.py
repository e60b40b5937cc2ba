"""@connections, the API by which functions send to an open connection, describe it and close it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime

from aiohttp import web

from scripts.local.gateway.open_connection import MESSAGE_LIMIT_BYTES, OpenConnection
from scripts.local.servers import SHUTDOWN_SECONDS, Server

ACTION = "execute-api:ManageConnections"

Allow = Callable[[str, str, str], bool]
"""Decides whether the signer of an Authorization header may take an action on the ARN of a resource."""

_ERROR_TYPES = {
    400: "BadRequestException",
    403: "ForbiddenException",
    410: "GoneException",
    413: "PayloadTooLargeException",
    429: "LimitExceededException",
}


class ManagementApi(Server):
    """Serves the open connections of an API, by id, at /<stage>/@connections/<id>.

    `forced_status` returns, for a method and a connection id, a status with which API Gateway fails, or None;
    tests set it.
    """

    def __init__(
        self, execution_arn: str, connections: MutableMapping[str, OpenConnection], allow: Allow
    ) -> None:
        self.forced_status: Callable[[str, str], int | None] = lambda _, __: None
        self._execution_arn = execution_arn
        self._connections = connections
        self._allow = allow

    def runner(self) -> web.ServerRunner:
        """Serve all paths alike."""
        return web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        stage, _, connection_id = request.path[1:].partition("/@connections/")
        arn = f"{self._execution_arn}/{stage}/{request.method}/@connections/{connection_id}"
        # Only functions sign their requests. One without a signature may come from a web page in a browser.
        authorization = request.headers.get("authorization", "")
        if not connection_id or "AWS4-HMAC-SHA256" not in authorization:
            return _error(403)
        if not await asyncio.to_thread(self._allow, authorization, ACTION, arn):
            return _error(403)
        if not _is_connection_id(connection_id):
            return _error(400)
        if status := self.forced_status(request.method, connection_id):
            return _error(status)
        connection = self._connections.get(connection_id)
        match request.method, connection:
            case "POST" | "GET" | "DELETE", None:
                return _error(410)
            case "POST", OpenConnection():
                return await _post(request, connection)
            case "GET", OpenConnection():
                return web.json_response(_description(connection))
            case "DELETE", OpenConnection():
                # It is gone for later requests, however long the client takes to close its end.
                del self._connections[connection_id]
                connection.close(1000, "Connection Closed Normally")
                return web.Response(status=204)
        return _error(403)


async def _post(request: web.BaseRequest, connection: OpenConnection) -> web.Response:
    if (request.content_length or 0) > MESSAGE_LIMIT_BYTES:
        return _error(413)
    data = await request.read()
    if len(data) > MESSAGE_LIMIT_BYTES:
        return _error(413)
    try:
        connection.send(data.decode())
    except UnicodeDecodeError:
        connection.send(data)
    return web.Response()


def _is_connection_id(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, altchars=b"-_", validate=True))
    except binascii.Error:
        return False


def _description(open_connection: OpenConnection) -> dict[str, object]:
    handshake = open_connection.connection.handshake
    return {
        "connectedAt": _iso(handshake.at),
        "identity": {"sourceIp": handshake.source_ip, "userAgent": handshake.header("user-agent") or ""},
        "lastActiveAt": _iso(open_connection.last_active),
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _error(status: int) -> web.Response:
    response = web.Response(status=status, headers={"x-amzn-errortype": _ERROR_TYPES.get(status, "")})
    if status == 413:
        response.force_close()  # the rest of the request was not read
    return response
