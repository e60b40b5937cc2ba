"""A speaker's own sessions, newest first, a page at a time."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from shared.sessions.session import LIFETIME_S, Session, Status

MAX_LIMIT = 100
DEFAULT_LIMIT = 20


class Position(NamedTuple):
    """After which session a page begins: its creation time in epoch ms, and its id."""

    created_at: int
    session_id: str


class Page(NamedTuple):
    """Some sessions, newest first; `last` is where the next page goes on, None after the last one."""

    sessions: list[Session]
    last: Position | None


class SessionIndex(Protocol):
    """Sessions by speaker and creation time. What was written a moment ago may not be in it yet."""

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        """One query: the speaker's sessions created at `since` (epoch ms) or later. Raises TryAgainLater."""


class Cursors(Protocol):
    """Positions as text that clients can keep and send back."""

    def seal(self, position: Position, *, speaker: str, status: Status | None) -> str:
        """The cursor of a position in this speaker's list of this status."""

    def open(self, cursor: str, *, speaker: str, status: Status | None) -> Position:
        """The position again. Raises InvalidRequest for a cursor that was not sealed for the same list."""


class Listing:
    """The use case over an index. `clock` returns epoch milliseconds."""

    def __init__(self, index: SessionIndex, cursors: Cursors, clock: Callable[[], int]) -> None:
        self._index = index
        self._cursors = cursors
        self._clock = clock

    def list(
        self, *, speaker: str, status: Status | None, limit: int, cursor: str | None
    ) -> tuple[list[Session], str | None]:
        """A page of the speaker's live sessions, and the cursor of the next one if there is one.

        Raises InvalidRequest, TryAgainLater.
        """
        after = self._cursors.open(cursor, speaker=speaker, status=status) if cursor is not None else None
        # All sessions live equally long, so those that are live are those that are young enough.
        since = (self._clock() // 1000 - LIFETIME_S + 1) * 1000
        if after is not None and after.created_at < since:
            # Everything from there on has expired, and DynamoDB refuses to start outside of a range.
            return [], None
        page = self._index.page(speaker, since=since, status=status, after=after, limit=limit)
        last = page.last and self._cursors.seal(page.last, speaker=speaker, status=status)
        return page.sessions, last
