"""A server on this machine that costs its clients little: a thread per connection, a packet per response."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class LocalServer(ThreadingHTTPServer):
    """Listens on `address` (127.0.0.1:port) while entered."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type["Handler"]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.address = f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """Keeps connections open, as the real services do."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        # A client that is stopped resets its connection.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def content(self) -> bytes:
        """Return the request's body."""
        return self.rfile.read(int(self.headers["Content-Length"]))

    def respond(self, status: int, content: bytes, **headers: str) -> None:
        """Send a response; `_` in a header's name stands for `-`."""
        self.send_response(status)
        for name, value in {**headers, "Content_Length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self._headers_buffer.append(b"\r\n" + content)
        self.flush_headers()

    def log_message(self, *_args: object) -> None:
        """Log nothing."""
