"""The people at a session: who holds a connection to it, and who may still come in."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from shared.sessions.session import Language, Session

# API Gateway closes every WebSocket after 2 h; ten minutes more, and its row is surely of no use.
LIFETIME_S = 2 * 60 * 60 + 10 * 60
# A connection is not there before its $connect has answered, which takes the function's 10 s at most. A row
# that still waits for admission after that belongs to a function that died.
HANDSHAKE_S = 12


class Role(StrEnum):
    """What somebody does at a session."""

    SPEAKER = "speaker"
    LISTENER = "listener"


class Standing(StrEnum):
    """Where a listener who has come to the door stands."""

    ADMITTED = "admitted"
    WAITING = "waiting"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One open WebSocket, or one that waits for admission. Times are epoch ms, `expires_at` is epoch s.

    `session_created_at` tells the session from an older or a newer one with the same id.
    """

    session_id: str
    id: str
    session_created_at: int
    role: Role
    target_language: Language | None = None
    joined_at: int
    admitted_at: int | None = None
    expires_at: int

    def belongs_to(self, session: Session) -> bool:
        """Whether it is this very session's, and not that of one which had the id before or has it since."""
        return self.session_id == session.id and self.session_created_at == session.created_at

    def live(self, now: int) -> bool:
        """Whether the row still counts at `now` (epoch ms)."""
        return self.expires_at > now // 1000

    def handshaking(self, now: int) -> bool:
        """Whether the client may still be waiting for the answer to its $connect at `now` (epoch ms)."""
        return now < self.joined_at + HANDSHAKE_S * 1000


def expiry(session: Session, now: int) -> int:
    """When the row of a connection made at `now` (epoch ms) is of no use any more, in epoch seconds."""
    return min(session.expires_at, now // 1000 + LIFETIME_S)


def standing(mine: Connection, present: Iterable[Connection], limit: int, now: int) -> Standing:
    """Say whether a listener may come in, from all rows of the session read after `mine` was written.

    Whoever sees no more than `limit` rows comes in. That never lets in too many: of `limit` + 1 listeners,
    the one who wrote last has seen them all. Who sees more looks at the line: those who are in stand before
    those who wait, and these in the order of their arrival. With `limit` others before oneself the session is
    full; otherwise some of those behind will find it so and leave, which is worth waiting for.
    """
    listeners = [row for row in present if row.role is Role.LISTENER and row.live(now)]
    if len(listeners) <= limit:
        return Standing.ADMITTED
    mine_in_line = _place(mine)
    before = sum(_place(row) < mine_in_line for row in listeners if row.id != mine.id)
    return Standing.FULL if before >= limit else Standing.WAITING


def _place(row: Connection) -> tuple[bool, int, str]:
    return (row.admitted_at is None, row.joined_at, row.id)
