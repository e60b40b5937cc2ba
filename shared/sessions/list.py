"""List a speaker's own sessions, newest first, a page at a time."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, Self

from shared.errors import FieldError, InvalidRequest
from shared.sessions.session import LIFETIME_S, Session, Status

MAX_LIMIT = 100
DEFAULT_LIMIT = 20
_LIMIT = re.compile(r"[1-9][0-9]{0,2}")


class ListQuery(NamedTuple):
    """The query parameters of GET /sessions."""

    status: Status | None
    limit: int
    cursor: str | None

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Self:
        """Check decoded query parameters. Raises InvalidRequest, which lists every invalid one."""
        unknown = dict(parameters)
        status, limit, cursor = (unknown.pop(name, None) for name in cls._fields)
        invalid = [FieldError(name, f"{name} is not a known parameter") for name in unknown]
        if status is not None and status not in set(Status):
            invalid.append(FieldError("status", f"Invalid status. Supported: {', '.join(Status)}"))
        if limit is not None and not (_LIMIT.fullmatch(limit) and int(limit) <= MAX_LIMIT):
            invalid.append(FieldError("limit", f"Invalid limit. Supported: 1 to {MAX_LIMIT}"))
        if invalid:
            raise InvalidRequest(*invalid)
        return cls(Status(status) if status else None, int(limit or DEFAULT_LIMIT), cursor)


class Position(NamedTuple):
    """The session after which a page begins: its creation time in epoch ms, and its id."""

    created_at: int
    session_id: str


class Page(NamedTuple):
    """Sessions, newest first; `last` is the position of the next page, None after the last page."""

    sessions: list[Session]
    last: Position | None


class SessionIndex(Protocol):
    """Sessions by speaker and creation time. Eventually consistent: the last writes may be missing."""

    def page(
        self, speaker: str, *, since: int, status: Status | None, after: Position | None, limit: int
    ) -> Page:
        """Return sessions created at `since` (epoch ms) or later, in one query. Raises ServiceUnavailable."""


class Cursors(Protocol):
    """Encodes positions as text that clients keep and send back."""

    def encode(self, position: Position, *, speaker: str, status: Status | None) -> str:
        """Return the cursor of a position in this speaker's list of this status."""

    def decode(self, cursor: str, *, speaker: str, status: Status | None) -> Position:
        """Return the position. Raises InvalidRequest for a cursor that belongs to another list."""


class ListSessions:
    """List the live sessions of a speaker. `clock` returns epoch milliseconds."""

    def __init__(self, index: SessionIndex, cursors: Cursors, clock: Callable[[], int]) -> None:
        self._index = index
        self._cursors = cursors
        self._clock = clock

    def __call__(self, query: ListQuery, *, speaker: str) -> tuple[list[Session], str | None]:
        """Return a page, and the cursor of the next page or None.

        Raises InvalidRequest, ServiceUnavailable.
        """
        status = query.status
        after = (
            self._cursors.decode(query.cursor, speaker=speaker, status=status)
            if query.cursor is not None
            else None
        )
        # All sessions live equally long, so the live ones are those created less than LIFETIME_S ago.
        since = (self._clock() // 1000 - LIFETIME_S + 1) * 1000
        if after is not None and after.created_at < since:
            # All that follows has expired, and DynamoDB rejects a start key outside the key condition.
            return [], None
        page = self._index.page(speaker, since=since, status=status, after=after, limit=query.limit)
        next_cursor = page.last and self._cursors.encode(page.last, speaker=speaker, status=status)
        return page.sessions, next_cursor
