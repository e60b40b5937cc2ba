"""A connection: one WebSocket of a speaker or a listener, open or waiting for its admission."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.errors import FieldError, InvalidRequest
from shared.sessions.session import GRACE_S, Language, Session

# API Gateway closes every WebSocket after 2 h. The row is stale ten minutes after that.
LIFETIME_S = 2 * 60 * 60 + 10 * 60
# A connection is open once its $connect has answered, which takes the function's 10 s at most. A row that
# still waits for admission after that was left by a function that died.
HANDSHAKE_S = 12


class Role(StrEnum):
    """What a connection is for."""

    SPEAKER = "speaker"
    LISTENER = "listener"


class SessionRef(NamedTuple):
    """Identifies one session; ids are reused, so the creation time (epoch ms) belongs to it."""

    id: str
    created_at: int

    @property
    def key(self) -> str:
        """One text that no other session has, not even one with its id: `holy-psalm-100#1767225600000`."""
        return f"{self.id}#{self.created_at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One WebSocket, open or waiting for admission. Times are epoch ms, but `expires_at` is epoch s.

    `session_created_at` distinguishes the session from earlier and later ones with the same id. A word of
    another release that is not in its enumeration is kept as text.
    """

    session_id: str
    id: str
    session_created_at: int
    role: Role
    target_language: Language | None = None
    joined_at: int
    admitted_at: int | None = None
    expires_at: int

    @property
    def session(self) -> SessionRef:
        """The session that the connection belongs to."""
        return SessionRef(self.session_id, self.session_created_at)

    def belongs_to(self, session: Session) -> bool:
        """Return whether the connection is this session's, not one's that had or has the same id."""
        return self.session == (session.id, session.created_at)

    def live(self, now: int) -> bool:
        """Return whether the row counts at `now` (epoch ms)."""
        return self.expires_at > now // 1000

    def handshaking(self, now: int) -> bool:
        """Return whether the client may still wait for the response to $connect at `now` (epoch ms)."""
        return now < self.joined_at + HANDSHAKE_S * 1000


def read_target_language(value: object) -> Language:
    """Return the language that a client has sent as `targetLanguage`. Raises InvalidRequest."""
    if value is None:
        raise InvalidRequest(FieldError("targetLanguage", "targetLanguage is required"))
    if not isinstance(value, str) or value not in Language.__members__.values():
        message = f"Invalid targetLanguage. Supported: {', '.join(Language)}"
        raise InvalidRequest(FieldError("targetLanguage", message))
    return Language(value)


def admitted(rows: Iterable[Connection], session: SessionRef, now: int) -> list[Connection]:
    """Return the session's rows that are admitted and live at `now` (epoch ms)."""
    return [row for row in rows if row.session == session and row.admitted_at and row.live(now)]


def delete_at(*, admitted: bool, expires_at: int) -> int:
    """Return when the row of a connection may be deleted, in epoch seconds.

    The row of an admitted connection is kept longer than it counts, so that the end of an expired session
    still finds it.
    """
    return expires_at + GRACE_S if admitted else expires_at


def expiry(session: Session, now: int) -> int:
    """Return when the row of a connection that opens at `now` (epoch ms) is stale, in epoch seconds."""
    return min(session.expires_at, now // 1000 + LIFETIME_S)
