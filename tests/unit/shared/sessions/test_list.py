"""A speaker's own sessions, newest first, a page at a time."""

from dataclasses import replace

import pytest

from shared.errors import InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import ListQuery, ListSessions, Page, Position
from shared.sessions.session import LIFETIME_S, Session, Status
from tests.support.memory_stores import MemorySessions, MemorySpeakerIndex
from tests.support.sessions import ALICE, BOB, NOW, a_session


class Scene:
    """Some sessions, and a clock."""

    def __init__(self, *sessions: Session) -> None:
        self.store = MemorySessions()
        for session in sessions:
            self.store.add(session, reusable_before=session.created_at // 1000)
        self.index = MemorySpeakerIndex(self.store)
        self.now = NOW
        self.list_sessions = ListSessions(self.index, SignedCursors("key"), lambda: self.now)

    def page(
        self, *, cursor: str | None = None, limit: int = 2, speaker: str = ALICE, status: Status | None = None
    ) -> tuple[list[str], str | None]:
        sessions, following = self.list_sessions(ListQuery(status, limit, cursor), speaker=speaker)
        return [session.id for session in sessions], following

    def all_pages(self, **wanted: Status) -> list[list[str]]:
        ids, cursor = self.page(**wanted)
        pages = [ids]
        while cursor:
            ids, cursor = self.page(cursor=cursor, **wanted)
            pages.append(ids)
        return pages


def opened(ago_ms: int, number: int, **different: object) -> Session:
    """A session of Alice's, opened so many milliseconds before NOW."""
    at = NOW - ago_ms
    return a_session(
        id=f"holy-psalm-{number}", created_at=at, expires_at=at // 1000 + LIFETIME_S, **different
    )


def test_who_has_no_sessions_gets_an_empty_last_page():
    assert Scene().page() == ([], None)


def test_the_newest_comes_first_and_every_session_comes_once():
    scene = Scene(*(opened(ago, 100 + ago) for ago in (3, 0, 4, 1, 2)))

    assert scene.all_pages() == [
        ["holy-psalm-100", "holy-psalm-101"],
        ["holy-psalm-102", "holy-psalm-103"],
        ["holy-psalm-104"],
    ]


def test_a_last_page_that_is_full_leads_nowhere():
    scene = Scene(opened(0, 100), opened(1, 101))

    assert scene.page() == (["holy-psalm-100", "holy-psalm-101"], None)


def test_others_sessions_are_not_listed():
    scene = Scene(opened(0, 100), opened(1, 101, speaker=BOB))

    assert scene.page() == (["holy-psalm-100"], None)
    assert scene.page(speaker=BOB) == (["holy-psalm-101"], None)


def test_ended_sessions_are_listed_and_can_be_asked_for():
    ended = opened(0, 100, status=Status.ENDED, ended_at=NOW)
    scene = Scene(ended, opened(1, 101), opened(2, 102, status=Status.PAUSED))

    assert scene.all_pages() == [["holy-psalm-100", "holy-psalm-101"], ["holy-psalm-102"]]
    assert scene.all_pages(status=Status.ENDED) == [["holy-psalm-100"]]
    assert scene.all_pages(status=Status.PAUSED) == [["holy-psalm-102"]]


def test_a_session_that_has_expired_is_listed_no_more_from_that_second_on():
    session = opened(0, 100)
    scene = Scene(session)

    scene.now = session.expires_at * 1000 - 1
    assert scene.page() == (["holy-psalm-100"], None)
    scene.now = session.expires_at * 1000
    assert scene.page() == ([], None)


def test_a_cursor_into_what_has_expired_meanwhile_is_the_end():
    scene = Scene(opened(0, 100), opened(1, 101), opened(2, 102))
    _, cursor = scene.page()

    scene.now += LIFETIME_S * 1000

    assert scene.page(cursor=cursor) == ([], None)


def test_pages_can_be_turned_in_the_last_second_of_what_they_list():
    sessions = [opened(NOW % 1000, number) for number in (100, 101, 102)]
    scene = Scene(*sessions)
    _, cursor = scene.page()

    scene.now = sessions[0].expires_at * 1000 - 1

    assert len(scene.page(cursor=cursor)[0]) == 1


def test_what_is_opened_while_somebody_turns_pages_moves_nothing():
    scene = Scene(opened(1, 101), opened(2, 102), opened(3, 103))
    _, cursor = scene.page()

    scene.store.add(opened(0, 100), reusable_before=0)

    assert scene.page(cursor=cursor) == (["holy-psalm-103"], None)


def test_a_session_that_has_gone_does_not_take_its_place_in_the_list_along():
    scene = Scene(opened(1, 101), opened(2, 102), opened(3, 103))
    _, cursor = scene.page()

    del scene.store.rows["holy-psalm-102"]

    assert scene.page(cursor=cursor) == (["holy-psalm-103"], None)


def test_another_speakers_cursor_is_refused():
    scene = Scene(opened(1, 101), opened(2, 102), opened(3, 103))
    _, cursor = scene.page()

    with pytest.raises(InvalidRequest):
        scene.page(cursor=cursor, speaker=BOB)


def test_a_page_may_be_empty_and_not_the_last():
    class OneRowAtATime:
        def page(self, speaker: str, *, after: Position | None, **_: object) -> Page:
            if after is None:
                return Page([], Position(NOW, "holy-psalm-100"))
            return Page([replace(opened(1, 101), speaker=speaker)], None)

    list_sessions = ListSessions(OneRowAtATime(), SignedCursors("key"), lambda: NOW)  # type: ignore[arg-type]

    none, cursor = list_sessions(ListQuery(Status.PAUSED, 2, None), speaker=ALICE)
    some, last = list_sessions(ListQuery(Status.PAUSED, 2, cursor), speaker=ALICE)

    assert (none, [session.id for session in some], last) == ([], ["holy-psalm-101"], None)
