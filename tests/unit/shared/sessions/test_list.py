"""Listing a speaker's own sessions, newest first, a page at a time."""

from dataclasses import replace

import pytest

from shared.errors import FieldError, InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import ListQuery, ListSessions, Page, Position
from shared.sessions.session import LIFETIME_S, Session, Status
from tests.support.memory_stores import MemorySessions, MemorySpeakerIndex
from tests.support.sessions import ALICE, BOB, NOW, a_session

# query parameters

INVALID_STATUS = FieldError("status", "Invalid status. Supported: active, paused, ended")
INVALID_LIMIT = FieldError("limit", "Invalid limit. Supported: 1 to 100")


@pytest.mark.parametrize(
    ("parameters", "query"),
    [
        ({}, ListQuery(None, 20, None)),
        ({"status": "ended"}, ListQuery(Status.ENDED, 20, None)),
        ({"limit": "1"}, ListQuery(None, 1, None)),
        ({"limit": "100"}, ListQuery(None, 100, None)),
        ({"cursor": ""}, ListQuery(None, 20, "")),
        ({"status": "paused", "limit": "7", "cursor": "x"}, ListQuery(Status.PAUSED, 7, "x")),
    ],
)
def test_query_parameters_are_optional(parameters: dict[str, str], query: ListQuery):
    assert ListQuery.parse(parameters) == query
    assert type(ListQuery.parse(parameters).status) is type(query.status)


@pytest.mark.parametrize(
    "limit", ["0", "101", "1000", "-1", "1.0", "ten", "", " 5", "5\n", "05", "\u0665"], ids=ascii
)
def test_a_limit_is_a_number_from_1_to_100(limit: str):
    with pytest.raises(InvalidRequest) as error:
        ListQuery.parse({"limit": limit})

    assert error.value.fields == (INVALID_LIMIT,)


@pytest.mark.parametrize("status", ["", "Active", "over", "active,paused"])
def test_an_unsupported_status_is_rejected(status: str):
    with pytest.raises(InvalidRequest) as error:
        ListQuery.parse({"status": status})

    assert error.value.fields == (INVALID_STATUS,)


def test_every_invalid_parameter_is_reported():
    with pytest.raises(InvalidRequest) as error:
        ListQuery.parse({"status": "over", "limit": "many", "page": "2"})

    assert error.value.fields == (
        FieldError("page", "page is not a known parameter"),
        INVALID_STATUS,
        INVALID_LIMIT,
    )


# pages


class Harness:
    """The use case over stores in memory, and its clock."""

    def __init__(self, *sessions: Session) -> None:
        self.store = MemorySessions()
        for session in sessions:
            self.store.add(session, reusable_before=session.created_at // 1000)
        self.now = NOW
        self.list_sessions = ListSessions(
            MemorySpeakerIndex(self.store), SignedCursors("key"), lambda: self.now
        )

    def page(
        self, *, cursor: str | None = None, limit: int = 2, speaker: str = ALICE, status: Status | None = None
    ) -> tuple[list[str], str | None]:
        """Return the ids of a page and the next cursor."""
        sessions, next_cursor = self.list_sessions(ListQuery(status, limit, cursor), speaker=speaker)
        return [session.id for session in sessions], next_cursor

    def all_pages(self, *, status: Status | None = None) -> list[list[str]]:
        ids, cursor = self.page(status=status)
        pages = [ids]
        while cursor:
            ids, cursor = self.page(cursor=cursor, status=status)
            pages.append(ids)
        return pages


def created(ms_ago: int, number: int, **overrides: object) -> Session:
    """Return a session created so many milliseconds before NOW, with this number in its id."""
    created_at = NOW - ms_ago
    return a_session(
        id=f"holy-psalm-{number}",
        created_at=created_at,
        expires_at=created_at // 1000 + LIFETIME_S,
        **overrides,
    )


def test_a_speaker_without_sessions_gets_one_empty_page():
    assert Harness().page() == ([], None)


def test_pages_list_every_session_once_newest_first():
    harness = Harness(*(created(ms_ago, 100 + ms_ago) for ms_ago in (3, 0, 4, 1, 2)))

    assert harness.all_pages() == [
        ["holy-psalm-100", "holy-psalm-101"],
        ["holy-psalm-102", "holy-psalm-103"],
        ["holy-psalm-104"],
    ]


def test_a_full_last_page_has_no_next_cursor():
    harness = Harness(created(0, 100), created(1, 101))

    assert harness.page() == (["holy-psalm-100", "holy-psalm-101"], None)


def test_sessions_of_other_speakers_are_not_listed():
    harness = Harness(created(0, 100), created(1, 101, speaker=BOB))

    assert harness.page() == (["holy-psalm-100"], None)
    assert harness.page(speaker=BOB) == (["holy-psalm-101"], None)


def test_ended_sessions_are_listed_and_a_status_can_be_selected():
    ended = created(0, 100, status=Status.ENDED, ended_at=NOW)
    harness = Harness(ended, created(1, 101), created(2, 102, status=Status.PAUSED))

    assert harness.all_pages() == [["holy-psalm-100", "holy-psalm-101"], ["holy-psalm-102"]]
    assert harness.all_pages(status=Status.ENDED) == [["holy-psalm-100"]]
    assert harness.all_pages(status=Status.PAUSED) == [["holy-psalm-102"]]


def test_a_session_is_listed_until_the_second_of_its_expiry():
    session = created(0, 100)
    harness = Harness(session)

    harness.now = session.expires_at * 1000 - 1
    assert harness.page() == (["holy-psalm-100"], None)
    harness.now = session.expires_at * 1000
    assert harness.page() == ([], None)


def test_a_cursor_after_which_all_sessions_have_expired_gives_an_empty_last_page():
    harness = Harness(created(0, 100), created(1, 101), created(2, 102))
    _, cursor = harness.page()

    harness.now += LIFETIME_S * 1000

    assert harness.page(cursor=cursor) == ([], None)


def test_a_cursor_is_valid_until_the_last_millisecond_before_the_expiry():
    sessions = [created(NOW % 1000, number) for number in (100, 101, 102)]
    harness = Harness(*sessions)
    _, cursor = harness.page()

    harness.now = sessions[0].expires_at * 1000 - 1

    assert len(harness.page(cursor=cursor)[0]) == 1


def test_a_session_created_between_two_pages_does_not_move_the_second():
    harness = Harness(created(1, 101), created(2, 102), created(3, 103))
    _, cursor = harness.page()

    harness.store.add(created(0, 100), reusable_before=0)

    assert harness.page(cursor=cursor) == (["holy-psalm-103"], None)


def test_a_session_deleted_between_two_pages_does_not_move_the_second():
    harness = Harness(created(1, 101), created(2, 102), created(3, 103))
    _, cursor = harness.page()

    del harness.store.rows["holy-psalm-102"]

    assert harness.page(cursor=cursor) == (["holy-psalm-103"], None)


def test_a_cursor_of_another_speaker_is_rejected():
    harness = Harness(created(1, 101), created(2, 102), created(3, 103))
    _, cursor = harness.page()

    with pytest.raises(InvalidRequest):
        harness.page(cursor=cursor, speaker=BOB)


def test_an_empty_page_may_have_a_next_cursor():
    class EmptyFirstPage:
        def page(self, speaker: str, *, after: Position | None, **_: object) -> Page:
            if after is None:
                return Page([], Position(NOW, "holy-psalm-100"))
            return Page([replace(created(1, 101), speaker=speaker)], None)

    list_sessions = ListSessions(EmptyFirstPage(), SignedCursors("key"), lambda: NOW)  # type: ignore[arg-type]

    first, cursor = list_sessions(ListQuery(Status.PAUSED, 2, None), speaker=ALICE)
    second, last_cursor = list_sessions(ListQuery(Status.PAUSED, 2, cursor), speaker=ALICE)

    assert (first, [session.id for session in second], last_cursor) == ([], ["holy-psalm-101"], None)
