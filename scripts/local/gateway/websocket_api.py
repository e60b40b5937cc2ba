"""An API Gateway WebSocket API: authorizer, $connect, messages by their action, $disconnect, and the limits.

A connection is there when its $connect has been answered, not before. Pings are answered, but they are no
messages. AWS does not document what it answers to a handshake whose function fails; here it is 502.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import WebSocketError, WSMessage, WSMsgType, web

from scripts.local.gateway import access_log, lambda_authorizer, websocket_events
from scripts.local.gateway.connections import (
    CLOSE_SECONDS,
    MESSAGE_LIMIT_BYTES,
    Close,
    Connections,
    OpenConnection,
)
from scripts.local.gateway.frames import limit_frames
from scripts.local.gateway.http_events import Received
from scripts.local.gateway.throttle import TokenBucket
from scripts.local.gateway.websocket_events import Connection, new_id
from scripts.local.lambda_.runtime import Throttled, TooLarge

if TYPE_CHECKING:
    from scripts.local.config.routes import Throttle
    from scripts.local.config.websocket_api import FunctionRoute, WebSocketApi
    from scripts.local.gateway.http_api import Functions
    from scripts.local.lambda_.runtime import Result

# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
FRAME_LIMIT_BYTES = 32 * 1024
IDLE_SECONDS = 10 * 60
LIFE_SECONDS = 2 * 60 * 60

_LOOK_SECONDS = 0.5
_AUTHORIZER_SECONDS = 29.0


class Refused(Exception):
    """The handshake fails with this status."""

    def __init__(self, status: int, message: str = "", error_type: str = "", cause: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type
        self.cause = cause


class WebSocketGateway:
    """Serves one declared WebSocket API; its open connections are in `connections`.

    `clock` gives epoch seconds, and `log` takes one access log line per event. `loses` says of a connection's
    id whether its $disconnect gets lost, as it may on AWS. Tests may put something before `functions`.
    """

    def __init__(
        self,
        api: "WebSocketApi",
        functions: "Functions",
        connections: Connections,
        *,
        clock: Callable[[], float] = time.time,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._api = api
        self.functions = functions
        self._connections = connections
        self._clock = clock
        self._log = log
        self.loses: Callable[[str], bool] = lambda _: False
        throttles: dict[str, Throttle | None] = {route.key: route.throttle for route in api.functions}
        throttles |= {key: reply.throttle for key, reply in api.messages.items()}
        self._buckets = {key: TokenBucket(limit, clock) for key, limit in throttles.items() if limit}
        self._serving: set[asyncio.Task[Any]] = set()
        self._watch: asyncio.Task[None] | None = None

    @property
    def path(self) -> str:
        """Where it is served: the stage's name."""
        return f"/{self._api.stage}"

    async def start(self) -> None:
        """Begin to look after idle and old connections."""
        self._watch = asyncio.create_task(self._close_what_is_due())

    async def stop(self) -> None:
        """Drop every connection; nobody is told."""
        doomed = {*self._serving, *filter(None, [self._watch])}
        for task in doomed:
            task.cancel()
        await asyncio.gather(*doomed, return_exceptions=True)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a handshake, and serve the connection to its end."""
        socket = web.WebSocketResponse(
            timeout=CLOSE_SECONDS, compress=False, max_msg_size=MESSAGE_LIMIT_BYTES + 1, autoclose=False
        )
        if not socket.can_prepare(request).ok:
            return web.json_response({"message": "Upgrade Required"}, status=426)
        connection = Connection(_received(request, self._clock()), self._clock())
        said: dict[str, object] = {"eventType": "CONNECT", "routeKey": "$connect"}
        try:
            await self._let_in(connection, said)
        except Refused as refused:
            said |= {"status": refused.status, "error.message": refused.message or "-"}
            said |= {"integrationErrorMessage": refused.cause} if refused.cause else {}
            self._log_access(connection, said)
            return _refusal(refused, connection)
        self._log_access(connection, {**said, "status": 200})
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self._serving.add(task)
        try:
            await self._serve(request, OpenConnection(connection, request, socket, self._clock))
        finally:
            self._serving.discard(task)
        return socket

    # --- The handshake ----------------------------------------------------------------------------------

    async def _let_in(self, connection: Connection, said: dict[str, object]) -> None:
        if not self._take("$connect"):
            raise Refused(429, "Too Many Requests", "LimitExceededException")
        await self._authorize(connection, said)
        event = websocket_events.connect(self._api, connection, new_id(), self._clock())
        result = await self._invoke(self._api.connect, event)
        status = _status(result)
        if not 200 <= status < 300:
            # Nothing of the function's answer but its status reaches the client.
            raise Refused(status)

    async def _authorize(self, connection: Connection, said: dict[str, object]) -> None:
        authorizer = self._api.authorizer
        if authorizer is None:
            return
        if not authorizer.permitted:
            said["authorizer.error"] = f"No permission to invoke {authorizer.function}"
            raise Refused(500, "Internal server error", "AuthorizerConfigurationException")
        began = time.monotonic()
        event = websocket_events.authorize(self._api, connection, new_id(), self._clock())
        payload = json.dumps(event, separators=(",", ":")).encode()
        try:
            result = await asyncio.wait_for(
                self.functions.invoke(authorizer.function, payload), _AUTHORIZER_SECONDS
            )
            found = lambda_authorizer.context(result, event["methodArn"])
        except lambda_authorizer.Unauthorized:
            said["authorizer.error"] = "Unauthorized"
            raise Refused(401, "Unauthorized", "UnauthorizedException") from None
        except lambda_authorizer.Denied:
            said["authorizer.error"] = "Denied"
            raise Refused(403, "Forbidden", "ForbiddenException") from None
        except (lambda_authorizer.Broken, Throttled, TooLarge, TimeoutError) as problem:
            said["authorizer.error"] = str(problem) or type(problem).__name__
            raise Refused(500, "Internal server error", "AuthorizerConfigurationException") from None
        latency = int((time.monotonic() - began) * 1_000)
        connection.authorizer = {**found, "integrationLatency": latency}

    async def _invoke(self, route: "FunctionRoute", event: Mapping[str, Any]) -> "Result":
        """Run a route's function. Raises Refused when it fails, or when it takes too long and runs on."""
        if not route.permitted:
            raise Refused(500, "Internal server error", cause=f"No permission to invoke {route.function}")
        payload = json.dumps(event, separators=(",", ":")).encode()
        running = asyncio.ensure_future(self.functions.invoke(route.function, payload))
        try:
            result = await asyncio.wait_for(asyncio.shield(running), route.timeout)
        except TimeoutError:
            running.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise Refused(504, "Endpoint request timed out", cause="The integration took too long") from None
        except (Throttled, TooLarge) as problem:
            raise Refused(502, "Internal server error", cause=type(problem).__name__) from None
        if result.error:
            raise Refused(502, "Internal server error", cause=result.error)
        return result

    # --- The open connection ----------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest, opened: OpenConnection) -> None:
        connection_id = opened.connection.id
        ended = Close(1006, "Connection closed abnormally")
        # It can be spoken to before the client knows: what is said stands in line.
        self._connections.open[connection_id] = opened
        try:
            await opened.socket.prepare(request)
            limit_frames(request.protocol, FRAME_LIMIT_BYTES, lambda: opened.close(1009, "Message too long"))
            writing = asyncio.create_task(_write(opened))
            try:
                ended = await self._read(opened)
                if opened.closed_with:
                    await writing
            finally:
                writing.cancel()
        except ConnectionError:
            pass  # the client has gone before it was let in
        finally:
            self._connections.open.pop(connection_id, None)
        await self._disconnected(opened, opened.closed_with or ended)

    async def _read(self, opened: OpenConnection) -> Close:
        while True:
            message = await opened.socket.receive()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    opened.touch()
                    self._route(opened, message)
                case WSMsgType.CLOSE:
                    await opened.socket.close()
                    return (
                        Close(message.data, message.extra or "")
                        if message.data
                        else Close(1005, "Client-side close frame status not set")
                    )
                case WSMsgType.ERROR if isinstance(message.data, WebSocketError):
                    return Close(message.data.code, str(message.data))  # aiohttp has closed it
                case _:
                    return Close(1006, "Connection closed abnormally")

    def _route(self, opened: OpenConnection, message: WSMessage) -> None:
        """Answer a message by the route that its `action` names, or by $default."""
        request_id = new_id()
        reply = self._api.messages.get(_action(message)) or self._api.messages.get("$default")
        said: dict[str, object] = {"eventType": "MESSAGE", "requestId": request_id, "status": 200}
        if reply is None:
            opened.send(_gateway_message("Forbidden", opened.connection, request_id))
            said["status"] = 403
        elif not self._take(reply.key):
            opened.send(_gateway_message("Too Many Requests", opened.connection, request_id))
            said["status"] = 429
        elif reply.body is not None:
            opened.send(reply.body)
        self._log_access(opened.connection, {**said, "routeKey": reply.key if reply else "-"})

    async def _disconnected(self, opened: OpenConnection, ended: Close) -> None:
        route = self._api.disconnect
        if route is None or self.loses(opened.connection.id) or not self._take("$disconnect"):
            return
        request_id, now = new_id(), self._clock()
        event = websocket_events.disconnect(
            self._api, opened.connection, request_id, now, code=ended.code, reason=ended.reason
        )
        said: dict[str, object] = {"eventType": "DISCONNECT", "routeKey": "$disconnect", "status": 200}
        try:
            await self._invoke(route, event)
        except Refused as refused:
            said |= {"status": refused.status, "integrationErrorMessage": refused.cause}
        self._log_access(opened.connection, {**said, "requestId": request_id})

    async def _close_what_is_due(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self._clock()
            for opened in list(self._connections.open.values()):
                idle_until = opened.last_active + IDLE_SECONDS
                if now >= min(idle_until, opened.connection.connected_at + LIFE_SECONDS):
                    opened.close(1001, "Going away")

    # --- Everywhere -------------------------------------------------------------------------------------

    def _take(self, route_key: str) -> bool:
        return route_key not in self._buckets or self._buckets[route_key].take()

    def _log_access(self, connection: Connection, said: Mapping[str, object]) -> None:
        now = self._clock()
        known: dict[str, object] = {
            "requestId": connection.handshake.id,
            "requestTimeEpoch": int(now * 1_000),
            "connectionId": connection.id,
            "apiId": self._api.id,
            "stage": self._api.stage,
        }
        self._log(access_log.line(self._api.access_log_format, {**known, **said}))


async def _write(opened: OpenConnection) -> None:
    with contextlib.suppress(ConnectionError):  # the client has gone; whoever reads finds out too
        await opened.write()


def _received(request: web.BaseRequest, now: float) -> Received:
    path, _, query = request.raw_path.partition("?")
    return Received(
        id=new_id(),
        method=request.method,
        path=path,
        query=query,
        protocol=f"HTTP/{request.version.major}.{request.version.minor}",
        source_ip=request.remote or "",
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers],
        body=b"",
        at=now,
    )


def _status(result: "Result") -> int:
    try:
        status = int(json.loads(result.payload)["statusCode"])
    except (ValueError, TypeError, KeyError):
        status = 0
    if not 200 <= status <= 599:
        raise Refused(502, "Internal server error", cause="The function's answer has no statusCode")
    return status


def _action(message: WSMessage) -> str:
    try:
        action = json.loads(message.data)["action"]
    except (ValueError, TypeError, KeyError):
        return "$default"
    return action if isinstance(action, str) else "$default"


def _gateway_message(message: str, connection: Connection, request_id: str) -> str:
    said = {"message": message, "connectionId": connection.id, "requestId": request_id}
    return json.dumps(said, separators=(",", ":"))


def _refusal(refused: Refused, connection: Connection) -> web.Response:
    if not refused.message:
        return web.Response(status=refused.status)
    return web.Response(
        status=refused.status,
        text=_gateway_message(refused.message, connection, connection.handshake.id),
        content_type="application/json",
        headers={"x-amzn-errortype": refused.error_type} if refused.error_type else {},
    )
