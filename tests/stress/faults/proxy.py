"""A proxy in front of DynamoDB that injects faults of networks and of the service.

A fault affects a share of the calls, which can change while calls arrive. Either the call does not reach the
table, or the response is lost, or both are only delayed.
"""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import aiohttp
from aiohttp import web

READ_TIMEOUT_S = 2.0
"""The read timeout of the functions' DynamoDB client in shared/aws/dynamodb.py."""
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class TableResponse:
    """The response of DynamoDB."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Call:
    """A call to DynamoDB; `forward` sends it to the table."""

    request: web.BaseRequest
    forward: Callable[[], Awaitable[TableResponse]]
    rng: random.Random
    read_timeout_s: float

    @property
    def too_late_s(self) -> float:
        """A delay after which the client has given up."""
        return self.read_timeout_s * 1.2


Fault = Callable[[Call], Awaitable[web.StreamResponse]]


async def slow(call: Call) -> web.StreamResponse:
    """Delay the request and the response, within the client's timeout."""
    await asyncio.sleep(call.read_timeout_s * 0.2)
    response = await call.forward()
    await asyncio.sleep(call.read_timeout_s * 0.2)
    return _to_client(response)


async def late(call: Call) -> web.StreamResponse:
    """Delay the request until the client has given up; it reaches the table then."""
    await asyncio.sleep(call.too_late_s)
    return _to_client(await call.forward())


async def silent(call: Call) -> web.StreamResponse:
    """Delay the response until the client has given up."""
    response = await call.forward()
    await asyncio.sleep(call.too_late_s)
    return _to_client(response)


async def reset_before(call: Call) -> web.StreamResponse:
    """Reset the connection before the request reaches the table."""
    return _reset(call)


async def reset_after(call: Call) -> web.StreamResponse:
    """Reset the connection after the request has reached the table: the response is lost."""
    await call.forward()
    return _reset(call)


async def throttled(call: Call) -> web.StreamResponse:
    """Respond with a throttling error of DynamoDB."""
    code = call.rng.choice(("ThrottlingException", "ProvisionedThroughputExceededException"))
    return _error(400, code)


async def broken(call: Call) -> web.StreamResponse:
    """Respond with 500 or 503; half of the requests reach the table before."""
    if call.rng.random() < 0.5:
        await call.forward()
    status, code = call.rng.choice(((500, "InternalServerError"), (503, "ServiceUnavailable")))
    return _error(status, code)


async def half(call: Call) -> web.StreamResponse:
    """Send half of the response: either cut off, or with the length of the half."""
    response = await call.forward()
    part = response.body[: len(response.body) // 2]
    if call.rng.random() < 0.5:
        return _to_client(TableResponse(response.status, _without_checksum(response.headers), part))
    cut_off = web.StreamResponse(status=response.status, headers=response.headers)
    cut_off.content_length = len(response.body)
    await cut_off.prepare(call.request)
    await cut_off.write(part)
    if call.request.transport:
        call.request.transport.close()
    return cut_off


async def mixed(call: Call) -> web.StreamResponse:
    """Inject one of the other faults, chosen at random."""
    return await call.rng.choice(SINGLE)(call)


SINGLE: tuple[Fault, ...] = (slow, late, silent, reset_before, reset_after, throttled, broken, half)
FAULTS: Mapping[str, Fault] = MappingProxyType({fault.__name__: fault for fault in (*SINGLE, mixed)})


class Proxy:
    """Forwards calls to `target`, a URL that is set before the first call, and injects faults."""

    def __init__(self, *, seed: int, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self.target = ""
        self.injected: Counter[str] = Counter()
        """The number of injected faults by name."""
        self._rng = random.Random(seed)
        self._read_timeout_s = read_timeout_s
        self._fault = ""
        self._every = self._left = self._affected = 0

    def inject(self, fault: str, share: float) -> None:
        """Inject the fault into this share of the calls: with 0.01, into a random one of each hundred."""
        self._fault, self._every, self._left = fault, round(1 / share), 0

    def stop_faults(self) -> None:
        """Forward every call from now on."""
        self._every = 0

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port."""
        self._client = aiohttp.ClientSession(auto_decompress=False)
        self._runner = web.ServerRunner(web.Server(self._handle, access_log=None), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, backlog=1_024).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()
        await self._client.close()

    def _is_affected(self) -> bool:
        if not self._every:
            return False
        if not self._left:
            self._left, self._affected = self._every, self._rng.randint(1, self._every)
        self._left -= 1
        return self._left + 1 == self._affected

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}

        async def forward() -> TableResponse:
            async with self._client.request(
                request.method, f"{self.target}{request.raw_path}", headers=headers, data=body
            ) as response:
                kept = {
                    name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP
                }
                return TableResponse(response.status, kept, await response.read())

        if not self._is_affected():
            return _to_client(await forward())
        self.injected[self._fault] += 1
        return await FAULTS[self._fault](Call(request, forward, self._rng, self._read_timeout_s))


def _to_client(response: TableResponse) -> web.Response:
    return web.Response(status=response.status, headers=response.headers, body=response.body)


def _error(status: int, code: str) -> web.Response:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "Injected fault"}
    return web.json_response(body, status=status, content_type="application/x-amz-json-1.0")


def _reset(call: Call) -> web.Response:
    transport = call.request.transport
    if transport:
        # Closing with a linger time of zero sends RST instead of FIN.
        linger_none = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
        transport.abort()
    return web.Response()


def _without_checksum(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "x-amz-crc32"}
