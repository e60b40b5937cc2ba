"""Print what a listener of a session hears, until it ends: python -m scripts.local.listen SESSION LANGUAGE.

With a token and no language, what its speaker receives. With --url and --websocket-url, at a deployed system.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp

from scripts import local_system

HEARTBEAT_SECONDS = 4 * 60
"""API Gateway closes a connection after 10 minutes in which nobody has said anything."""

# A browser is told nothing of why a handshake failed either: the session itself says most of it.
_REFUSALS = {
    400: "The service takes neither this session's id nor this language; --help says more.",
    401: "The token is bad or has expired.",
    403: "The service does not let this token in.",
    404: "There is no session {session}.",
    410: "The session {session} has ended.",
    429: "Too many have come from this address: wait a minute.",
    503: "The session {session} is full, or the service is too busy: try again in a while.",
}


def main(arguments: list[str] | None = None) -> int:
    """Listen to the end of the session, or to Ctrl-C: 0. When that cannot be done, 1 with the reason."""
    chosen = _parse(arguments)
    if not chosen.url:
        running = local_system.find(chosen.work)
        if running is None or not running.ready:
            return _refuse("Nothing runs here: start it with make run")
        chosen.url, chosen.websocket_url = running.url, running.websocket_url
    try:
        return asyncio.run(_listen(chosen))
    except KeyboardInterrupt:
        print("\nYou have left.")
        return 0
    except (aiohttp.ClientError, OSError) as problem:
        return _refuse(f"{chosen.websocket_url} does not answer: {problem}")


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.local.listen", description=__doc__)
    parser.add_argument("session", help="id of the session, such as blessed-shepherd-427")
    parser.add_argument("language", nargs="?", help="to hear, such as es")
    parser.add_argument("--token", help="of the speaker, who gives no language; or of a listener")
    parser.add_argument("--url", help="of a deployed HTTP API; the local one if there is none")
    parser.add_argument("--websocket-url", help="of the WebSocket API that belongs to it")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if bool(chosen.url) != bool(chosen.websocket_url):
        parser.error("--url and --websocket-url belong together")
    if not chosen.language and not chosen.token:
        parser.error("give the language to hear, such as es")
    return chosen


async def _listen(chosen: argparse.Namespace) -> int:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(timeout=timeout) as client:
        async with client.get(f"{chosen.url}/sessions/{chosen.session}") as answer:
            if answer.status == 404:
                return _refuse(_REFUSALS[404].format(session=chosen.session))
            found = await answer.json() if answer.status == 200 else {}
            if found.get("status") == "ended":
                return _refuse(_REFUSALS[410].format(session=chosen.session))
        asked = {
            "sessionId": chosen.session,
            "targetLanguage": chosen.language,
            "token": chosen.token,
        }
        try:
            async with client.ws_connect(
                chosen.websocket_url, params={name: value for name, value in asked.items() if value}
            ) as socket:
                _say(f"You are in {chosen.session}, which is {found.get('status', 'open')}. Ctrl-C leaves.")
                return await _until_the_end(socket)
        except aiohttp.WSServerHandshakeError as refused:
            reason = _REFUSALS.get(refused.status, "The service refuses with {status}.")
            return _refuse(reason.format(session=chosen.session, status=refused.status))


async def _until_the_end(socket: aiohttp.ClientWebSocketResponse) -> int:
    heartbeats = asyncio.create_task(_heartbeats(socket))
    try:
        async for message in socket:
            _say(message.data)
            said = json.loads(message.data)
            if said.get("type") == "sessionEnded":
                return 0
    finally:
        heartbeats.cancel()
    return _refuse(f"The service closed the connection ({socket.close_code}), and the session goes on.")


async def _heartbeats(socket: aiohttp.ClientWebSocketResponse) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await socket.send_json({"action": "heartbeat"})


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
