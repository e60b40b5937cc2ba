"""A proxy before DynamoDB that makes go wrong what goes wrong in networks and data centres.

A fault meets one call in so many, which can be changed while calls come in. What a fault does to a call
is one of three things: it never reaches the table, or it does and the answer is lost, or both only take long.
"""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import aiohttp
from aiohttp import web

PATIENCE_S = 2.0
"""How long a function waits for an answer: see DEFAULT_CONFIG in shared/aws/dynamodb.py."""
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Reply:
    """What the table has answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Call:
    """One call of DynamoDB on its way. `ask` has the table do it."""

    request: web.BaseRequest
    ask: Callable[[], Awaitable[Reply]]
    chance: random.Random
    patience_s: float
    slow_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.slow_s = self.patience_s * 0.2


Fault = Callable[[Call], Awaitable[web.StreamResponse]]


async def slow(call: Call) -> web.StreamResponse:
    """Take long on the way there and on the way back, though not too long."""
    await asyncio.sleep(call.slow_s)
    reply = await call.ask()
    await asyncio.sleep(call.slow_s)
    return _answer(reply)


async def late(call: Call) -> web.StreamResponse:
    """Reach the table when nobody waits any more."""
    await asyncio.sleep(call.patience_s * 1.2)
    return _answer(await call.ask())


async def silent(call: Call) -> web.StreamResponse:
    """Reach the table, and keep the answer until nobody waits any more."""
    reply = await call.ask()
    await asyncio.sleep(call.patience_s * 1.2)
    return _answer(reply)


async def reset_before(call: Call) -> web.StreamResponse:
    """Reset the connection; the table hears nothing."""
    return _reset(call)


async def reset_after(call: Call) -> web.StreamResponse:
    """Reach the table, and reset the connection: the answer is lost."""
    await call.ask()
    return _reset(call)


async def throttled(call: Call) -> web.StreamResponse:
    """Refuse by throttling, as DynamoDB says it."""
    code = call.chance.choice(("ThrottlingException", "ProvisionedThroughputExceededException"))
    return _error(400, code)


async def broken(call: Call) -> web.StreamResponse:
    """Answer 5xx; whether the table has done it before, nobody can tell from outside."""
    if call.chance.random() < 0.5:
        await call.ask()
    status, code = call.chance.choice(((500, "InternalServerError"), (503, "ServiceUnavailable")))
    return _error(status, code)


async def half(call: Call) -> web.StreamResponse:
    """Reach the table, and answer by half: cut off, or as if that were all."""
    reply = await call.ask()
    part = reply.body[: len(reply.body) // 2]
    if call.chance.random() < 0.5:
        return _answer(Reply(reply.status, _without_checksum(reply.headers), part))
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    response.content_length = len(reply.body)
    await response.prepare(call.request)
    await response.write(part)
    if call.request.transport:
        call.request.transport.close()
    return response


async def mixed(call: Call) -> web.StreamResponse:
    """Any of them."""
    return await call.chance.choice(SINGLE)(call)


SINGLE: tuple[Fault, ...] = (slow, late, silent, reset_before, reset_after, throttled, broken, half)
FAULTS: Mapping[str, Fault] = MappingProxyType({fault.__name__: fault for fault in (*SINGLE, mixed)})


class Proxy:
    """Hands calls on to `target` (a URL, set before the first call), but for faults."""

    def __init__(self, *, seed: int, patience_s: float = PATIENCE_S) -> None:
        self.target = ""
        self.calls: Counter[str] = Counter()
        """How many calls came, and how many met a fault, by its name."""
        self._chance = random.Random(seed)
        self._patience_s = patience_s
        self._fault = ""
        self._every = self._to_come = self._meets = 0

    def do(self, fault: str, rate: float) -> None:
        """Have the fault meet calls at this rate: 0.01 is one of each hundred, chosen by chance."""
        self._fault, self._every, self._to_come = fault, round(1 / rate), 0

    def stop_faults(self) -> None:
        """Hand everything on from now on."""
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

    def _meets_fault(self) -> bool:
        if not self._every:
            return False
        if not self._to_come:
            self._to_come, self._meets = self._every, self._chance.randint(1, self._every)
        self._to_come -= 1
        return self._to_come + 1 == self._meets

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}

        async def ask() -> Reply:
            async with self._client.request(
                request.method, f"{self.target}{request.raw_path}", headers=headers, data=body
            ) as response:
                kept = {
                    name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP
                }
                return Reply(response.status, kept, await response.read())

        self.calls["calls"] += 1
        if not self._meets_fault():
            return _answer(await ask())
        self.calls[self._fault] += 1
        return await FAULTS[self._fault](Call(request, ask, self._chance, self._patience_s))


def _answer(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


def _error(status: int, code: str) -> web.Response:
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "A fault that was asked for"}
    return web.json_response(body, status=status, content_type="application/x-amz-json-1.0")


def _reset(call: Call) -> web.Response:
    transport = call.request.transport
    if transport:
        # Closing with no time to linger sends RST instead of FIN.
        linger_none = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_none)
        transport.abort()
    return web.Response()


def _without_checksum(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "x-amz-crc32"}
