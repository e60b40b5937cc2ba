"""Signed page cursors, bound to speaker and filter.

Two releases run during a rollout, and a rotation of the secrets gives them different keys. So each signs with
its own key, and also accepts the key of the release before it and that of the release after it.
"""

import base64
import hmac
import json
from collections.abc import Sequence

from shared.errors import FieldError, InvalidRequest
from shared.sessions.list import Position
from shared.sessions.session import Status


class SignedCursors:
    """Encodes a position with an HMAC-SHA256 signature over it, its speaker and its status.

    `key` signs; cursors that were signed with one of `also_accepted` are accepted too.
    """

    def __init__(self, key: str, also_accepted: Sequence[str] = ()) -> None:
        self._key = key.encode()
        self._accepted = [accepted.encode() for accepted in (key, *also_accepted)]

    def encode(self, position: Position, *, speaker: str, status: Status | None) -> str:
        """Return the cursor of a position in this speaker's list of this status."""
        content = json.dumps(position, separators=(",", ":")).encode()
        return _base64(content) + "." + _base64(_signature(self._key, content, speaker, status))

    def decode(self, cursor: str, *, speaker: str, status: Status | None) -> Position:
        """Return the position. Raises InvalidRequest for a cursor that was not made for the same list."""
        content, _, signature = cursor.partition(".")
        try:
            position = _bytes(content)
            signed = _bytes(signature)
            genuine = any(
                hmac.compare_digest(signed, _signature(key, position, speaker, status))
                for key in self._accepted
            )
        except ValueError:
            genuine = False
        if not genuine:
            raise InvalidRequest(FieldError("cursor", "Invalid cursor. Start again without one"))
        return Position(*json.loads(position))


def _signature(key: bytes, content: bytes, speaker: str, status: Status | None) -> bytes:
    signed = b"\0".join((content, speaker.encode(), (status or "").encode()))
    return hmac.digest(key, signed, "sha256")


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    # Python ignores characters that are not base64; two different texts must not be the same cursor.
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _base64(content) != text:
        raise ValueError
    return content
