"""A proxy between functions and the local Kinesis, for faults that moto does not have."""

import json
from collections.abc import Callable, Mapping

import aiohttp
from aiohttp import web

from scripts.local.servers import SHUTDOWN_SECONDS, Server

THROTTLED = "ProvisionedThroughputExceededException"
_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


class KinesisProxy(Server):
    """Forwards every request to `aws_url`, unless `fault` returns an error code, or `down` is set.

    While it is down, it ends connections without a response. `fault` gets the number of the request, from 0.
    """

    def __init__(self) -> None:
        self.aws_url = ""
        self.fault: Callable[[int], str | None] = lambda _: None
        self.down = False
        self.requests = 0

    def runner(self) -> web.ServerRunner:
        """Serve all paths alike: the operation is in a header."""
        return web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=SHUTDOWN_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        number, self.requests = self.requests, self.requests + 1
        body = await request.read()
        if self.down and request.transport:
            request.transport.abort()
            return web.Response()
        if code := self.fault(number):
            error = json.dumps({"__type": code, "message": "A test asked for this error."})
            return web.Response(text=error, status=400, content_type="application/x-amz-json-1.1")
        # A session for each request: none of this server's requests may wait for another one's connection.
        async with (
            aiohttp.ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, f"{self.aws_url}{request.path_qs}", data=body, headers=_kept(request.headers)
            ) as response,
        ):
            content = await response.read()
            return web.Response(body=content, status=response.status, headers=_kept(response.headers))


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
