"""Publish each line that is typed, or read from a pipe, as a caption of the speaker of a session.

python -m scripts.operate.speak SESSION --token TOKEN connects to the local system, or with --url and
--websocket-url to a deployed one. It waits for the answer to each line before it publishes the next one, and
goes on from the session's last caption. Ctrl-D ends it after the last line, Ctrl-C at once.
"""

import argparse
import asyncio
import codecs
import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from scripts import command_line
from scripts.errors import CommandError
from scripts.operate import session_socket
from scripts.operate.message_lines import lines
from scripts.operate.session_socket import Service, Socket, connected, messages, show

ANSWER_SECONDS = 40.0
"""More than API Gateway waits for a function, which is 29 s."""

Message = dict[str, Any]


def main(arguments: list[str] | None = None) -> int:
    """Publish until the end of the input, of the session, or Ctrl-C; 1 with the reason on standard error."""
    options = _parse(arguments)
    return command_line.run(lambda: session_socket.run(options, lambda service: _speak(service, options)))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.operate.speak", description=__doc__)
    session_socket.add_arguments(parser)
    parser.add_argument("--token", required=True, help="access token of the session's speaker")
    options = parser.parse_args(arguments)
    session_socket.check_arguments(parser, options)
    return options


async def _speak(service: Service, options: argparse.Namespace) -> None:
    async with connected(service, options.session, token=options.token) as socket:
        speaker = _Speaker(socket)
        receiving = asyncio.create_task(speaker.receive())
        publishing = asyncio.create_task(speaker.publish(_typed_lines()))
        try:
            ended, _ = await asyncio.wait({receiving, publishing}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            receiving.cancel()
            publishing.cancel()


class _Speaker:
    """A speaker's connection: publishes lines one after the other, and prints what the service sends."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket
        self._last_sequence = 0
        self._answers: asyncio.Queue[Message] = asyncio.Queue()

    async def publish(self, typed: "asyncio.Queue[str | None]") -> None:
        """Publish each line until None. Raises CommandError when an answer does not come."""
        _show(await self._joined())
        show("Type a line to publish it. Ctrl-D ends.")
        while (text := await typed.get()) is not None:
            if text.strip():
                await self._publish(text.rstrip("\r"))

    async def receive(self) -> None:
        """Print messages, but not the captions, until the session ends. Raises ConnectionLost."""
        async for message in messages(self._socket):
            kind = message.get("type")
            if kind in (None, "sessionJoined", "captionPublished", "error"):
                self._answers.put_nowait(message)
            elif kind != "caption":
                _show(message)

    async def _publish(self, text: str) -> None:
        sequence = self._last_sequence + 1
        await self._socket.send_json({"action": "publishCaption", "sequence": sequence, "text": text})
        published = await self._answer(
            lambda answer: answer.get("type") == "captionPublished" and answer.get("sequence") == sequence
        )
        if published["type"] == "captionPublished":
            self._last_sequence = sequence
            return
        _show(published)
        # It may have been published all the same, and another connection may have published meanwhile.
        await self._socket.send_json({"action": "joinSession"})
        await self._joined()

    async def _joined(self) -> Message:
        """Wait for sessionJoined, which follows a handshake too, and go on from its caption."""
        joined = await self._answer(lambda answer: answer.get("type") == "sessionJoined")
        if joined["type"] != "sessionJoined":
            raise CommandError(lines(joined)[0])
        self._last_sequence = joined.get("lastSequence", 0)
        return joined

    async def _answer(self, wanted: Callable[[Message], bool]) -> Message:
        """Return the answer that is wanted, or an error. Raises CommandError when none comes.

        An answer may arrive twice, as any message, so others are skipped.
        """
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    answer = await self._answers.get()
                    if wanted(answer) or "message" in answer:
                        return {"type": "error", **answer}
        except TimeoutError:
            raise CommandError(f"The service has not answered for {ANSWER_SECONDS:.0f} s.") from None


def _show(message: Message) -> None:
    for line in lines(message):
        show(line)


def _typed_lines() -> "asyncio.Queue[str | None]":
    """Return a queue of the lines of standard input, with None at its end.

    A thread reads the file descriptor itself: Python cannot end while a thread reads `sys.stdin`.
    """
    typed: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def put(line: str | None) -> None:
        loop.call_soon_threadsafe(typed.put_nowait, line)

    def read() -> None:
        decoder, text = codecs.getincrementaldecoder("utf-8")(errors="replace"), ""
        with contextlib.suppress(RuntimeError):  # the event loop has ended
            while data := os.read(descriptor, 65_536):
                *complete, text = (text + decoder.decode(data)).split("\n")
                for line in complete:
                    put(line)
            put(text)
            put(None)

    threading.Thread(target=read, name="typed-lines", daemon=True).start()
    return typed


if __name__ == "__main__":
    sys.exit(main())
