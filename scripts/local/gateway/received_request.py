"""A request as it was received, before anything is decoded; and ids such as API Gateway makes."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web


def new_id() -> str:
    """Return a request id or connection id, such as L0SM9cOFvHcCIhw=."""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


@dataclass(frozen=True)
class ReceivedRequest:
    """A request line and headers; `at` is in epoch seconds."""

    method: str
    path: str
    query: str
    protocol: str
    source_ip: str
    headers: Sequence[tuple[str, str]]
    at: float
    new_trace_id: str = field(default_factory=lambda: secrets.token_hex(12))

    @classmethod
    def of(cls, request: web.BaseRequest, at: float) -> "ReceivedRequest":
        """Read an aiohttp request."""
        path, _, query = request.raw_path.partition("?")
        return cls(
            method=request.method,
            path=path,
            query=query,
            protocol=f"HTTP/{request.version.major}.{request.version.minor}",
            source_ip=request.remote or "",
            headers=[
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers
            ],
            at=at,
        )

    def header(self, name: str) -> str | None:
        """Return the values of a header, joined by commas; `name` in lower case."""
        values = [value for given, value in self.headers if given.lower() == name]
        return ",".join(values) if values else None

    @property
    def trace_id(self) -> str:
        """The client's X-Ray trace header, or a new root."""
        return self.header("x-amzn-trace-id") or f"Root=1-{int(self.at):08x}-{self.new_trace_id}"
