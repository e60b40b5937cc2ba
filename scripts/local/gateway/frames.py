"""The limit on the size of WebSocket frames. aiohttp has one for whole messages only.

https://www.rfc-editor.org/rfc/rfc6455#section-5.2
"""

from collections.abc import Callable
from typing import Any

_MASK_BYTES = 4  # frames of clients are masked


def limit_frames(protocol: Any, limit: int, too_large: Callable[[], object]) -> None:
    """Call `too_large` for each frame of more than `limit` bytes that a prepared WebSocket receives."""
    protocol._payload_parser = _FrameWatcher(protocol._payload_parser, limit, too_large)


class _FrameWatcher:
    """Reads the headers of frames and passes all data on to aiohttp's parser."""

    def __init__(self, parser: Any, limit: int, too_large: Callable[[], object]) -> None:
        self._parser = parser
        self._limit = limit
        self._too_large = too_large
        self._header = bytearray()
        self._payload_left = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._watch(data)
        result: tuple[bool, bytes] = self._parser.feed_data(data)
        return result

    def feed_eof(self) -> None:
        self._parser.feed_eof()

    def _watch(self, data: bytes) -> None:
        while data:
            if self._payload_left:
                skipped = min(self._payload_left, len(data))
                self._payload_left -= skipped
                data = data[skipped:]
                continue
            missing = self._header_size() - len(self._header)
            self._header += data[:missing]
            data = data[missing:]
            if len(self._header) == self._header_size():
                self._begin_payload()

    def _header_size(self) -> int:
        if len(self._header) < 2:
            return 2
        return 2 + {126: 2, 127: 8}.get(self._header[1] & 0x7F, 0)

    def _begin_payload(self) -> None:
        size = self._header[1] & 0x7F if len(self._header) == 2 else int.from_bytes(self._header[2:], "big")
        self._payload_left = size + (_MASK_BYTES if self._header[1] & 0x80 else 0)
        self._header.clear()
        if size > self._limit:
            self._too_large()
