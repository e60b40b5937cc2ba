"""An API Gateway HTTP API on a local port: routes, CORS, throttles, authorizer, integration, in that order.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api.html
"""

import asyncio
import base64
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote_to_bytes

from aiohttp import web

from scripts.local.gateway import access_log, cors, http_events, jwt_authorizer
from scripts.local.gateway.throttle import TokenBucket
from scripts.local.lambda_.runtime import Result, Throttled, TooLarge

if TYPE_CHECKING:
    from scripts.local.config.http_api import HttpApi, Route

# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
HEADER_LIMIT_BYTES = 10_240
"""The request line and the values of all headers together."""
BODY_LIMIT_BYTES = 10 * 1024 * 1024

_PARSER_LIMIT_BYTES = 64 * 1024


Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Functions(Protocol):
    """Where functions run: runtime.Lambda, or what a test puts in its place."""

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        """Run a function and return its result. Raises Throttled or TooLarge."""
        ...


class Refused(Exception):
    """API Gateway answers by itself; no function is asked."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        body = json.dumps({"message": message}, separators=(",", ":")).encode()
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.answer = http_events.Answer(status, body, [("content-type", "application/json"), *named])


class Gateway:
    """Serves one declared HTTP API; its collaborators come from outside, so that tests can hand in their own.

    `clock` gives epoch seconds. `log` takes one access log line per request. `elsewhere` answers the paths of
    another API, which on AWS has a host of its own.
    """

    def __init__(
        self,
        api: "HttpApi",
        functions: Functions,
        fetch_keys: jwt_authorizer.FetchKeys,
        *,
        clock: Callable[[], float] = time.time,
        log: Callable[[str], object] = lambda _: None,
        elsewhere: Mapping[str, Handle] = MappingProxyType({}),
    ) -> None:
        self._api = api
        self._functions = functions
        self._keys = jwt_authorizer.KeyStore(fetch_keys)
        self._clock = clock
        self._log = log
        self._elsewhere = elsewhere
        self._buckets = {
            route.key: TokenBucket(route.throttle, clock) for route in api.routes if route.throttle
        }
        self._patterns = [(_pattern(route), route) for route in sorted(api.routes, key=_precedence)]
        self._runner: web.ServerRunner | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen, and return the port."""
        server = web.Server(
            self.handle,
            auto_decompress=False,
            access_log=None,
            max_line_size=_PARSER_LIMIT_BYTES,
            max_field_size=_PARSER_LIMIT_BYTES,
            max_headers=1_000,
        )
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1_024).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening and drop the connections."""
        if self._runner:
            await self._runner.cleanup()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, whatever it is."""
        if request.path in self._elsewhere:
            return await self._elsewhere[request.path](request)
        started = self._clock()
        context: dict[str, object] = {"requestId": base64.b64encode(secrets.token_bytes(11)).decode()}
        try:
            answer = await self._answer(request, str(context["requestId"]), started, context)
        except Refused as refused:
            answer = refused.answer
            context["error.message"] = str(refused)
            context["error.responseType"] = str(refused).upper().replace(" ", "_")
        headers = [*self._cors(request, answer), ("apigw-requestid", str(context["requestId"]))]
        self._log_access(request, answer, started, context)
        response = web.Response(status=answer.status, body=answer.body or None)
        response.headers.extend(headers)
        if answer.status in (400, 413, 431):
            response.force_close()  # the rest of the request was not read
        return response

    async def _answer(
        self, request: web.BaseRequest, request_id: str, now: float, context: dict[str, object]
    ) -> http_events.Answer:
        _check_header_size(request)
        path, query = self._path(request)
        context["path"] = path
        if request.method == "OPTIONS" and self._api.cors:
            return http_events.Answer(
                204, headers=[*cors.preflight_headers(self._api.cors, request.headers.get("origin")).items()]
            )
        route, parameters = self._route(request.method, path)
        context["routeKey"] = route.key
        if route.key in self._buckets and not self._buckets[route.key].take():
            raise Refused(429, "Too Many Requests")
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        # A caller who is not let in is refused before the body is read.
        authorized = await self._authorize(route, headers, context)
        received = http_events.Received(
            id=request_id,
            method=request.method,
            path=path,
            query=query,
            protocol=f"HTTP/{request.version.major}.{request.version.minor}",
            source_ip=request.remote or "",
            headers=headers,
            body=await _read(request),
            at=now,
        )
        event = http_events.build(received, self._api, route, parameters, authorized)
        return await self._integrate(route, event, context)

    def _path(self, request: web.BaseRequest) -> tuple[str, str]:
        """Split the target. HTTP APIs decode the path before they match it, so %2F divides segments."""
        raw, _, query = request.raw_path.partition("?")
        if re.search(r"%(?![0-9A-Fa-f]{2})", raw) or not raw.startswith("/"):
            raise Refused(400, "Bad Request")
        try:
            path = unquote_to_bytes(raw).decode()
            query.encode()  # what came in as bytes of no meaning is in here as lone surrogates
        except UnicodeError:
            raise Refused(400, "Bad Request") from None
        if self._api.stage != "$default" and not f"{path}/".startswith(f"/{self._api.stage}/"):
            raise Refused(404, "Not Found")
        return path, query

    def _route(self, method: str, path: str) -> tuple["Route", dict[str, str]]:
        if self._api.stage != "$default":
            path = path.removeprefix(f"/{self._api.stage}") or "/"
        for pattern, route in self._patterns:
            found = pattern.fullmatch(path)
            if found and route.method in (method, "ANY", ""):
                names = re.findall(r"{(\w+)\+?}", route.path)
                return route, dict(zip(names, found.groups(), strict=True))
        raise Refused(404, "Not Found")

    async def _authorize(
        self, route: "Route", headers: Sequence[tuple[str, str]], context: dict[str, object]
    ) -> Mapping[str, Any] | None:
        guard = route.authorizer
        if guard is None:
            return None
        header = ",".join(value for name, value in headers if name.lower() == guard.header)
        try:
            said = await jwt_authorizer.claims(
                guard, header, keys=self._keys, now=self._clock(), scopes=route.scopes
            )
        except jwt_authorizer.Unauthorized as refusal:
            context["authorizer.error"] = str(refusal) or "there is no token"
            raise Refused(401, "Unauthorized", www_authenticate=refusal.challenge) from None
        except jwt_authorizer.Forbidden:
            raise Refused(
                403,
                "Forbidden",
                www_authenticate=f'Bearer scope="{" ".join(route.scopes)}" error="insufficient_scope"',
            ) from None
        return jwt_authorizer.as_context(said, route.scopes)

    async def _integrate(
        self, route: "Route", event: Mapping[str, Any], context: dict[str, object]
    ) -> http_events.Answer:
        if not route.permitted:
            context["integrationErrorMessage"] = f"No permission to invoke {route.function}"
            raise Refused(500, "Internal Server Error")
        payload = json.dumps(event, separators=(",", ":")).encode()
        started = time.monotonic()
        # API Gateway gives up waiting; the function runs on.
        running = asyncio.ensure_future(
            self._functions.invoke(route.function, payload, trace_id=event["headers"]["x-amzn-trace-id"])
        )
        try:
            result = await asyncio.wait_for(asyncio.shield(running), route.timeout)
        except TimeoutError:
            running.add_done_callback(lambda late: late.cancelled() or late.exception())
            context["integrationErrorMessage"] = "The integration took too long"
            raise Refused(503, "Service Unavailable") from None
        except Throttled:
            context["integrationErrorMessage"] = "The function is throttled"
            raise Refused(503, "Service Unavailable") from None
        except TooLarge:
            raise Refused(413, "Request Entity Too Large") from None
        finally:
            context["integrationLatency"] = int((time.monotonic() - started) * 1_000)
        if result.error:
            context["integrationErrorMessage"] = result.error
            raise Refused(500, "Internal Server Error")
        try:
            return http_events.answer(result.payload)
        except http_events.Nonsense as nonsense:
            context["integrationErrorMessage"] = str(nonsense)
            raise Refused(500, "Internal Server Error") from None

    def _cors(self, request: web.BaseRequest, answer: http_events.Answer) -> list[tuple[str, str]]:
        if not self._api.cors or request.method == "OPTIONS":
            return list(answer.headers)
        added = cors.response_headers(self._api.cors, request.headers.get("origin"))
        kept = [(name, value) for name, value in answer.headers if not name.startswith("access-control-")]
        return [*kept, *added.items()]

    def _log_access(
        self,
        request: web.BaseRequest,
        answer: http_events.Answer,
        started: float,
        context: Mapping[str, object],
    ) -> None:
        said: dict[str, object] = {
            "accountId": self._api.account,
            "apiId": self._api.id,
            "domainName": self._api.domain,
            "stage": self._api.stage,
            "httpMethod": request.method,
            "protocol": f"HTTP/{request.version.major}.{request.version.minor}",
            "identity.sourceIp": request.remote or "",
            "identity.userAgent": request.headers.get("user-agent", ""),
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(started)),
            "requestTimeEpoch": int(started),
            "status": answer.status,
            "responseLength": len(answer.body),
            "responseLatency": int((self._clock() - started) * 1_000),
            **context,
        }
        self._log(access_log.line(self._api.access_log_format, said))


def _precedence(route: "Route") -> tuple[int, int, int]:
    """Sort full matches first, then paths with parameters, greedy ones, and $default last."""
    kind = 3 if route.path == "$default" else 2 if "+}" in route.path else 1 if "{" in route.path else 0
    return kind, -len(route.path.split("/")), int(route.method == "ANY")


def _pattern(route: "Route") -> re.Pattern[str]:
    if route.path == "$default":
        return re.compile(r".*", re.DOTALL)
    parts = re.split(r"({\w+\+?})", route.path)
    inside = [
        re.escape(part) if not part.startswith("{") else "(.+)" if part.endswith("+}") else "([^/]+)"
        for part in parts
    ]
    return re.compile("".join(inside), re.DOTALL)


def _check_header_size(request: web.BaseRequest) -> None:
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1 ")
    if line + sum(len(value) for _, value in request.raw_headers) > HEADER_LIMIT_BYTES:
        raise Refused(431, "Request Header Fields Too Large")


async def _read(request: web.BaseRequest) -> bytes:
    if (request.content_length or 0) > BODY_LIMIT_BYTES:
        raise Refused(413, "Request Entity Too Large")
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            raise Refused(413, "Request Entity Too Large")
    return bytes(body)
