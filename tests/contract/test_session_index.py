"""What every index of sessions by speaker promises; the one in memory and DynamoDB's are held to the same."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from shared.aws import speaker_index
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.sessions.list import Page, Position, SessionIndex
from shared.sessions.ports import SessionStore as Store
from shared.sessions.session import Session, Status
from tests.support.memory_stores import MemorySessions, MemorySpeakerIndex
from tests.support.sessions import ALICE, BOB, NOW, a_session
from tests.support.tables import SESSIONS_TABLE, create_table, record_requests

Both = tuple[Store, SessionIndex]


@pytest.fixture(params=["memory", "dynamodb"])
def both(request: pytest.FixtureRequest) -> Iterator[Both]:
    """Yield an empty store and its index."""
    if request.param == "memory":
        store = MemorySessions()
        yield store, MemorySpeakerIndex(store)
    else:
        yield from on_dynamodb()


@pytest.fixture
def dynamodb() -> Iterator[Both]:
    """Yield DynamoDB's alone."""
    yield from on_dynamodb()


def on_dynamodb() -> Iterator[Both]:
    with mock_aws():
        client: Any = botocore.session.get_session().create_client("dynamodb", region_name="eu-west-1")
        create_table(client, SESSIONS_TABLE)
        yield SessionsTable(client, SESSIONS_TABLE), SpeakerIndex(client, SESSIONS_TABLE)


def opened(ago_ms: int, **different: Any) -> Session:
    return a_session(id=f"holy-psalm-{100 + ago_ms}", created_at=NOW - ago_ms, **different)


def fill(both: Both, *sessions: Session) -> SessionIndex:
    store, index = both
    for session in sessions:
        store.add(session, reusable_before=0)
    return index


def page(index: SessionIndex, **different: Any) -> Page:
    wanted: dict[str, Any] = {"since": NOW - 1000, "status": None, "after": None, "limit": 3}
    return index.page(ALICE, **wanted | different)


def ids(found: Page) -> list[str]:
    return [session.id for session in found.sessions]


def test_a_page_has_the_speakers_newest_sessions_whole(both: Both):
    mine = [opened(ago) for ago in (2, 0, 1)]

    found = page(fill(both, *mine, opened(3, speaker=BOB)))

    assert found == Page(sorted(mine, key=lambda session: session.created_at, reverse=True), None)


def test_a_page_goes_on_where_the_last_one_stopped(both: Both):
    index = fill(both, *(opened(ago) for ago in range(5)))

    first = page(index)
    second = page(index, after=first.last)

    assert first.last == Position(NOW - 2, "holy-psalm-102")
    assert ids(first) == ["holy-psalm-100", "holy-psalm-101", "holy-psalm-102"]
    assert (ids(second), second.last) == (["holy-psalm-103", "holy-psalm-104"], None)


def test_what_is_older_is_left_out(both: Both):
    index = fill(both, opened(0), opened(1), opened(2))

    assert ids(page(index, since=NOW - 1)) == ["holy-psalm-100", "holy-psalm-101"]


def test_a_status_is_filled_up_to_the_limit_from_among_others(both: Both):
    paused = {ago: opened(ago, status=Status.PAUSED) for ago in (1, 3, 5, 7, 9)}
    index = fill(both, *(paused.get(ago) or opened(ago) for ago in range(10)))

    first = page(index, status=Status.PAUSED)
    second = page(index, status=Status.PAUSED, after=first.last)

    assert ids(first) == ["holy-psalm-101", "holy-psalm-103", "holy-psalm-105"]
    assert first.last == Position(NOW - 5, "holy-psalm-105")
    assert (ids(second), second.last) == (["holy-psalm-107", "holy-psalm-109"], None)


def test_a_page_is_one_query_of_the_index_whatever_it_looks_at(dynamodb: Both):
    index = fill(dynamodb, *(opened(ago) for ago in range(5)))

    with record_requests(index._client) as sent:  # type: ignore[attr-defined]
        page(index)
        page(index, status=Status.ENDED)

    assert sent == ["Query", "Query"]


def test_a_filter_that_has_looked_at_enough_says_where_it_goes_on(
    dynamodb: Both, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(speaker_index, "FILTERED_ITEMS", 2)
    index = fill(dynamodb, opened(0), opened(1), opened(2, status=Status.PAUSED))

    first = page(index, status=Status.PAUSED)
    second = page(index, status=Status.PAUSED, after=first.last)

    assert first == Page([], Position(NOW - 1, "holy-psalm-101"))
    assert (ids(second), second.last) == (["holy-psalm-102"], None)
