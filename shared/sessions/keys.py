"""Idempotency keys: which request of which speaker a session was created for."""

import hashlib
import secrets
from typing import NamedTuple, Self


class IdempotencyKey(NamedTuple):
    """The key of a request. Digests are hexadecimal SHA-256, so that no table holds what clients chose.

    `write_id` is random: it tells this request from others with its key.
    """

    digest: str
    request_digest: str
    write_id: str

    @classmethod
    def of(cls, key: str, *, speaker: str, request: tuple[str, ...]) -> Self:
        """Return the key that the speaker has sent with a request, which is given by its fields."""
        return cls(_digest(speaker, key), _digest(*request), secrets.token_hex(8))


class KeyRow(NamedTuple):
    """The session that a key has created. The key is taken until `expires_at`, when its session expires.

    `session_created_at` is epoch milliseconds: it tells the session from a later one with the same id.
    `expires_at` is epoch seconds.
    """

    digest: str
    request_digest: str
    write_id: str
    session_id: str
    session_created_at: int
    expires_at: int


class KeyTaken(NamedTuple):
    """A session was not written, because its key is taken."""

    row: KeyRow


def _digest(*parts: str) -> str:
    """Return the SHA-256 of the parts, each after its length, so that ("ab", "c") is not ("a", "bc")."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode()).hexdigest()
