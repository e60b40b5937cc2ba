"""Print what a listener of a session receives until it ends.

python -m scripts.operate.listen SESSION LANGUAGE connects to the local system, or with --url and
--websocket-url to a deployed one. With --token and no language, it prints what the speaker receives.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

from scripts import command_line, local_system
from scripts.errors import CommandError

HEARTBEAT_SECONDS = 4 * 60
"""API Gateway closes a connection after 10 minutes without a message."""

# Clients see only the status of a refused handshake.
_REFUSALS = {
    400: "The session id or the language is not valid; see --help.",
    401: "The token is invalid or has expired.",
    403: "The token does not give access to this session.",
    404: "There is no session {session}.",
    410: "The session {session} has ended.",
    429: "Too many connections came from this address. Wait a minute.",
    503: "The session {session} is full, or the service is too busy. Try again later.",
}


def main(arguments: list[str] | None = None) -> int:
    """Listen until the session ends or Ctrl-C; 1 with the reason on standard error when that fails."""
    options = _parse(arguments)
    return command_line.run(lambda: _connect(options))


def _connect(options: argparse.Namespace) -> None:
    if not options.url:
        system = local_system.require(options.work)
        options.url, options.websocket_url = system.url, system.websocket_url
    try:
        asyncio.run(_listen(options))
    except KeyboardInterrupt:
        print("\nDisconnected.")
    except (aiohttp.ClientError, OSError) as problem:
        raise CommandError(f"{options.websocket_url} does not answer: {problem}") from None


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.listen", description=__doc__)
    parser.add_argument("session", help="id of the session, such as blessed-shepherd-427")
    parser.add_argument("language", nargs="?", help="target language, such as es")
    parser.add_argument("--token", help="access token of the speaker (without a language) or of a listener")
    parser.add_argument("--url", help="URL of a deployed HTTP API; without it, the local system is used")
    parser.add_argument("--websocket-url", help="URL of the WebSocket API of that system")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if bool(options.url) != bool(options.websocket_url):
        parser.error("--url and --websocket-url must be given together")
    if not options.language and not options.token:
        parser.error("a target language is required, such as es")
    return options


async def _listen(options: argparse.Namespace) -> None:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        async with client.get(f"{options.url}/sessions/{options.session}") as response:
            if response.status == 404:
                raise CommandError(_REFUSALS[404].format(session=options.session))
            session = await response.json() if response.status == 200 else {}
            if session.get("status") == "ended":
                raise CommandError(_REFUSALS[410].format(session=options.session))
        query = {
            "sessionId": options.session,
            "targetLanguage": options.language,
            "token": options.token,
        }
        try:
            async with client.ws_connect(
                options.websocket_url, params={name: value for name, value in query.items() if value}
            ) as socket:
                status = session.get("status", "open")
                _print(f"Connected to {options.session}, which is {status}. Ctrl-C disconnects.")
                await _print_messages(socket)
        except aiohttp.WSServerHandshakeError as refused:
            reason = _REFUSALS.get(refused.status, "The service answered the handshake with {status}.")
            raise CommandError(reason.format(session=options.session, status=refused.status)) from None


async def _print_messages(socket: aiohttp.ClientWebSocketResponse) -> None:
    heartbeats = asyncio.create_task(_send_heartbeats(socket))
    try:
        async for message in socket:
            _print(message.data)
            if json.loads(message.data).get("type") == "sessionEnded":
                return
    finally:
        heartbeats.cancel()
    raise CommandError(
        f"The service closed the connection ({socket.close_code}), but the session has not ended."
    )


async def _send_heartbeats(socket: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await socket.send_json({"action": "heartbeat"})


def _print(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
