"""Cursors: positions in a list as text that clients neither make nor lend to one another."""

import base64
import hmac
import json

from shared.errors import FieldError, InvalidRequest
from shared.sessions.list import Position
from shared.sessions.session import Status


class SignedCursors:
    """The listing's Cursors: a position and a signature over it, its speaker and its status."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def seal(self, position: Position, *, speaker: str, status: Status | None) -> str:
        """The cursor of a position in this speaker's list of this status."""
        content = json.dumps(position, separators=(",", ":")).encode()
        return _text(content) + "." + _text(self._signature(content, speaker, status))

    def open(self, cursor: str, *, speaker: str, status: Status | None) -> Position:
        """The position again. Raises InvalidRequest for a cursor that was not sealed for the same list."""
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


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    # Python ignores what is not base64: two texts must not mean the same cursor.
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _text(content) != text:
        raise ValueError
    return content
