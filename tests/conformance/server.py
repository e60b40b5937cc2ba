"""ministack as a server: HTTP and HTTPS on one port of 127.0.0.1, with each IAM decision written down.

`python server.py CERTIFICATE KEY DECISIONS MISJUDGED` runs under the Python of build/conformance, prints
`ready PORT`, and serves until SIGTERM. The URLs that ministack gives the APIs have one port, with http for an
HTTP API and wss for a WebSocket API. So both protocols are served there.

DECISIONS gets one JSON object a line for each request of a role: `principal`, `action`, `resource`, whether
it was `allowed`, and the `mistake`. MISJUDGED is a JSON list of [action, pattern of the resource]: requests
of deployers that ministack denies by mistake. They are allowed, with their entry as `mistake`.
"""

import asyncio
import contextlib
import datetime
import fnmatch
import json
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

_DEPLOYERS = re.compile(":assumed-role/session-service-(deploy|plan)-")
_TLS_HANDSHAKE = b"\x16"  # the first byte that a TLS client sends: RFC 8446, section 5.1


def _listening_socket() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    return listener


def _record_decisions(decisions: Path, misjudged: list[list[str]]) -> None:
    from ministack.core import iam_evaluator

    decide = iam_evaluator.enforce

    def decide_and_record(
        access_key: str, action: str, service: str, region: str, resource_arn: str = "*", **context: Any
    ) -> Any:
        refusal = decide(access_key, action, service, region, resource_arn=resource_arn, **context)
        principal = (iam_evaluator.resolve_caller_identity(access_key) or {}).get("userArn", "")
        if ":assumed-role/" not in principal:
            return refusal
        mistake = None
        if refusal is not None and _DEPLOYERS.search(principal):
            mistake = next((entry for entry in misjudged if _matches(entry, action, resource_arn)), None)
        decision = {
            "principal": principal,
            "action": action,
            "resource": resource_arn,
            "allowed": refusal is None or mistake is not None,
            "mistake": mistake,
        }
        with decisions.open("a") as file:
            file.write(json.dumps(decision) + "\n")
        return None if mistake else refusal

    iam_evaluator.enforce = decide_and_record


def _replace_scheduled_time() -> None:
    """Replace the keyword of the scheduled time in a schedule's input, as EventBridge Scheduler does."""
    from ministack.services import eventbridge

    dispatch = eventbridge._dispatch_to_lambda

    def replace_and_dispatch(function: str, payload: str) -> None:
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        dispatch(function, payload.replace("<aws.scheduler.scheduled-time>", now))

    eventbridge._dispatch_to_lambda = replace_and_dispatch


def _matches(patterns: list[str], action: str, resource: str) -> bool:
    return action == patterns[0] and fnmatch.fnmatchcase(resource, patterns[1])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError), contextlib.closing(writer):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


async def _serve(listener: socket.socket, certificate: str, key: str) -> None:
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack import app as ministack

    # It answers GET /health of every host itself; the HTTP API has a route for that.
    ministack._HEALTH_PATHS = ("/_ministack/health",)
    https, http = _listening_socket(), _listening_socket()
    addresses = {True: https.getsockname(), False: http.getsockname()}
    config = Config()
    config.bind, config.insecure_bind = [f"fd://{https.fileno()}"], [f"fd://{http.fileno()}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 75

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1)
        upstream_reader, upstream = await asyncio.open_connection(*addresses[first == _TLS_HANDSHAKE])
        upstream.write(first)
        await asyncio.gather(_copy(reader, upstream), _copy(upstream_reader, writer))

    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with await asyncio.start_server(forward, sock=listener):
        print(f"ready {listener.getsockname()[1]}", flush=True)
        serving = asyncio.create_task(serve(ministack.app, config, shutdown_trigger=asyncio.Event().wait))
        await stopped.wait()
        serving.cancel()
    os._exit(0)  # nothing is worth saving, and worker threads would delay the end


if __name__ == "__main__":
    port = _listening_socket()
    # ministack reads its settings while it is imported.
    os.environ["GATEWAY_PORT"] = str(port.getsockname()[1])
    _record_decisions(Path(sys.argv[3]), json.loads(sys.argv[4]))
    _replace_scheduled_time()
    asyncio.run(_serve(port, sys.argv[1], sys.argv[2]))
