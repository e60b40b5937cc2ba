"""HTTP servers of the local system. They listen on 127.0.0.1 only."""

import abc
import contextlib
import errno
from collections.abc import Iterator

from aiohttp import web

from scripts.local.event_loop import EventLoop
from scripts.local.ports import PortTaken

SHUTDOWN_SECONDS = 0.1
"""How long requests that are being served may take when a server stops."""


class Server(abc.ABC):
    """An aiohttp server; subclasses provide what it serves."""

    _runner: web.BaseRunner | None = None

    @abc.abstractmethod
    def runner(self) -> web.BaseRunner:
        """Return the runner of the server or application."""

    async def start(self, port: int = 0) -> int:
        """Listen, and return the port. Port 0 takes a free one."""
        self._runner = self.runner()
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, backlog=1_024).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def stop(self) -> None:
        """Stop listening and close the connections."""
        if self._runner:
            await self._runner.cleanup()


@contextlib.contextmanager
def listening(loop: EventLoop, server: Server, port: int = 0) -> Iterator[str]:
    """Run a server while the context lasts, and yield its URL. Raises PortTaken."""
    try:
        try:
            port = loop.run(server.start(port))
        except OSError as problem:
            raise (PortTaken(port) if problem.errno == errno.EADDRINUSE else problem) from None
        yield f"http://127.0.0.1:{port}"
    finally:
        loop.run(server.stop())
