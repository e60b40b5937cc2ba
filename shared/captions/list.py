"""List the captions of a session, a page at a time."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Self

from shared.audience.connection import SessionRef
from shared.captions.caption import MAX_SEQUENCE, CaptionPage
from shared.errors import FieldError, InvalidRequest
from shared.sessions.get import GetSession
from shared.sessions.list import DEFAULT_LIMIT, MAX_LIMIT
from shared.sessions.session import Language, Session

if TYPE_CHECKING:
    from shared.captions.ports import CaptionHistory
    from shared.sessions.ports import SessionReader

_NUMBER = re.compile("0|[1-9][0-9]{0,9}")


class CaptionQuery(NamedTuple):
    """The query parameters of GET /sessions/{sessionId}/captions; no language is the session's own."""

    language: Language | None
    after: int
    limit: int

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> Self:
        """Check decoded query parameters. Raises InvalidRequest, which lists every invalid one."""
        unknown = dict(parameters)
        language, after, limit = (unknown.pop(name, None) for name in cls._fields)
        invalid = [FieldError(name, f"{name} is not a known parameter") for name in unknown]
        if language is not None and language not in set(Language):
            invalid.append(FieldError("language", f"Invalid language. Supported: {', '.join(Language)}"))
        if after is not None and not _is_number(after, 0, MAX_SEQUENCE):
            invalid.append(FieldError("after", f"Invalid after. Supported: 0 to {MAX_SEQUENCE}"))
        if limit is not None and not _is_number(limit, 1, MAX_LIMIT):
            invalid.append(FieldError("limit", f"Invalid limit. Supported: 1 to {MAX_LIMIT}"))
        if invalid:
            raise InvalidRequest(*invalid)
        return cls(Language(language) if language else None, int(after or 0), int(limit or DEFAULT_LIMIT))


class ListedCaptions(NamedTuple):
    """A page of a session's captions, to be shown in `language`; `limit` is that of the query."""

    session: Session
    language: Language
    page: CaptionPage
    limit: int


class ListCaptions:
    """List the captions of a session, ended or not, until it expires. `clock` returns epoch milliseconds."""

    def __init__(
        self, sessions: "SessionReader", history: "CaptionHistory", clock: Callable[[], int]
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._history = history

    def __call__(self, session_id: str, query: CaptionQuery) -> ListedCaptions:
        """Return a page. Raises SessionNotFound, ServiceUnavailable."""
        session = self._get_session(session_id)
        page = self._history.after(SessionRef(session.id, session.created_at), query.after, query.limit)
        return ListedCaptions(session, query.language or session.source_language, page, query.limit)


def _is_number(text: str, lowest: int, highest: int) -> bool:
    return bool(_NUMBER.fullmatch(text)) and lowest <= int(text) <= highest
