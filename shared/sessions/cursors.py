"""Signed page cursors, bound to speaker and filter."""

import base64
import hmac
import json

from shared.errors import FieldError, InvalidRequest
from shared.sessions.list import Position
from shared.sessions.session import Status


class SignedCursors:
    """Encodes a position with an HMAC-SHA256 signature over it, its speaker and its status."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def encode(self, position: Position, *, speaker: str, status: Status | None) -> str:
        """Return the cursor of a position in this speaker's list of this status."""
        content = json.dumps(position, separators=(",", ":")).encode()
        return _base64(content) + "." + _base64(self._signature(content, speaker, status))

    def decode(self, cursor: str, *, speaker: str, status: Status | None) -> Position:
        """Return the position. Raises InvalidRequest for a cursor that was not made for the same list."""
        content, _, signature = cursor.partition(".")
        try:
            position = _bytes(content)
            genuine = hmac.compare_digest(_bytes(signature), self._signature(position, speaker, status))
        except ValueError:
            genuine = False
        if not genuine:
            raise InvalidRequest(FieldError("cursor", "Invalid cursor. Start again without one"))
        return Position(*json.loads(position))

    def _signature(self, content: bytes, speaker: str, status: Status | None) -> bytes:
        signed = b"\0".join((content, speaker.encode(), (status or "").encode()))
        return hmac.digest(self._key, signed, "sha256")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    # Python ignores characters that are not base64; two different texts must not be the same cursor.
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64(content) != text:
        raise ValueError
    return content
