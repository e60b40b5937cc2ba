"""The limit on a WebSocket's frames, which aiohttp knows for whole messages only.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from collections.abc import Callable
from typing import Any

_MASK_BYTES = 4  # what clients send is masked


def limit_frames(protocol: Any, limit: int, too_large: Callable[[], object]) -> None:
    """Have `too_large` called for a frame of more than `limit` bytes, from now on, on a prepared socket."""
    protocol._payload_parser = _Watched(protocol._payload_parser, limit, too_large)


class _Watched:
    """Stands before aiohttp's parser: reads the heads of frames, and passes everything on."""

    def __init__(self, parser: Any, limit: int, too_large: Callable[[], object]) -> None:
        self._parser = parser
        self._limit = limit
        self._too_large = too_large
        self._head = bytearray()
        self._left = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._look(data)
        passed_on: tuple[bool, bytes] = self._parser.feed_data(data)
        return passed_on

    def feed_eof(self) -> None:
        self._parser.feed_eof()

    def _look(self, data: bytes) -> None:
        while data:
            if self._left:
                passed = min(self._left, len(data))
                self._left -= passed
                data = data[passed:]
                continue
            missing = self._head_size() - len(self._head)
            self._head += data[:missing]
            data = data[missing:]
            if len(self._head) == self._head_size():
                self._payload_begins()

    def _head_size(self) -> int:
        if len(self._head) < 2:
            return 2
        return 2 + {126: 2, 127: 8}.get(self._head[1] & 0x7F, 0)

    def _payload_begins(self) -> None:
        size = self._head[1] & 0x7F if len(self._head) == 2 else int.from_bytes(self._head[2:], "big")
        self._left = size + (_MASK_BYTES if self._head[1] & 0x80 else 0)
        self._head.clear()
        if size > self._limit:
            self._too_large()
