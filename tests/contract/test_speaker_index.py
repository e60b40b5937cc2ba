"""The contract of SessionIndex, for the index in memory and the table's index by speaker."""

from typing import Any, NamedTuple

import pytest

from shared.aws import speaker_index
from shared.aws.sessions_table import SessionsTable
from shared.aws.speaker_index import SpeakerIndex
from shared.sessions.list import Page, Position, SessionIndex
from shared.sessions.ports import SessionStore
from shared.sessions.session import Session, Status
from tests.support.memory_stores import MemorySessions, MemorySpeakerIndex
from tests.support.sessions import ALICE, BOB, NOW, a_session
from tests.support.tables import SESSIONS_TABLE, record_requests


class Stores(NamedTuple):
    """The index, and the sessions in it."""

    index: SessionIndex
    sessions: SessionStore

    def add(self, *sessions: Session) -> None:
        for session in sessions:
            self.sessions.add(session, reusable_before=0)

    def page(self, **parameters: Any) -> Page:
        """Return a page of Alice's sessions: at most 3, of any status, less than a second old."""
        defaults: dict[str, Any] = {"since": NOW - 1000, "status": None, "after": None, "limit": 3}
        return self.index.page(ALICE, **defaults | parameters)


@pytest.fixture
def dynamodb(client: Any) -> Stores:
    return Stores(SpeakerIndex(client, SESSIONS_TABLE), SessionsTable(client, SESSIONS_TABLE))


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        sessions = MemorySessions()
        return Stores(MemorySpeakerIndex(sessions), sessions)
    return request.getfixturevalue("dynamodb")


def created(ms_ago: int, **overrides: Any) -> Session:
    """Return a session created so many milliseconds before NOW; its id ends in 100 + `ms_ago`."""
    return a_session(id=f"holy-psalm-{100 + ms_ago}", created_at=NOW - ms_ago, **overrides)


def ids(page: Page) -> list[str]:
    return [session.id for session in page.sessions]


def test_a_page_has_the_speakers_sessions_newest_first(stores: Stores):
    sessions = [created(ms_ago) for ms_ago in (2, 0, 1)]
    stores.add(*sessions, created(3, speaker=BOB))

    page = stores.page()

    assert page == Page(sorted(sessions, key=lambda session: session.created_at, reverse=True), None)


def test_a_page_begins_after_the_last_position(stores: Stores):
    stores.add(*(created(ms_ago) for ms_ago in range(5)))

    first = stores.page()
    second = stores.page(after=first.last)

    assert first.last == Position(NOW - 2, "holy-psalm-102")
    assert ids(first) == ["holy-psalm-100", "holy-psalm-101", "holy-psalm-102"]
    assert (ids(second), second.last) == (["holy-psalm-103", "holy-psalm-104"], None)


def test_sessions_created_before_since_are_left_out(stores: Stores):
    stores.add(created(0), created(1), created(2))

    assert ids(stores.page(since=NOW - 1)) == ["holy-psalm-100", "holy-psalm-101"]


def test_a_page_filtered_by_status_is_filled_up_to_the_limit(stores: Stores):
    paused = {ms_ago: created(ms_ago, status=Status.PAUSED) for ms_ago in (1, 3, 5, 7, 9)}
    stores.add(*(paused.get(ms_ago) or created(ms_ago) for ms_ago in range(10)))

    first = stores.page(status=Status.PAUSED)
    second = stores.page(status=Status.PAUSED, after=first.last)

    assert ids(first) == ["holy-psalm-101", "holy-psalm-103", "holy-psalm-105"]
    assert first.last == Position(NOW - 5, "holy-psalm-105")
    assert (ids(second), second.last) == (["holy-psalm-107", "holy-psalm-109"], None)


# DynamoDB only


def test_a_page_is_one_query(client: Any, dynamodb: Stores):
    dynamodb.add(*(created(ms_ago) for ms_ago in range(5)))

    with record_requests(client) as operations:
        dynamodb.page()
        dynamodb.page(status=Status.ENDED)

    assert operations == ["Query", "Query"]


def return_last_evaluated_key_at_limit(client: Any) -> None:
    """Have moto return LastEvaluatedKey whenever a query stops at its Limit, as DynamoDB does."""
    limits: list[int] = []

    def record_limit(params: dict[str, Any], **_: Any) -> None:
        limits.append(params["Limit"])

    def add_last_evaluated_key(parsed: dict[str, Any], **_: Any) -> None:
        if len(parsed["Items"]) == limits[-1]:
            names = ("speakerId", "createdAt", "sessionId")
            parsed["LastEvaluatedKey"] = {name: parsed["Items"][-1][name] for name in names}

    client.meta.events.register("provide-client-params.dynamodb.Query", record_limit)
    client.meta.events.register("after-call.dynamodb.Query", add_last_evaluated_key)


def test_a_page_of_exactly_limit_sessions_is_the_last_one(client: Any, dynamodb: Stores):
    return_last_evaluated_key_at_limit(client)
    dynamodb.add(created(0), created(1), created(2))

    assert dynamodb.page(limit=3).last is None
    assert dynamodb.page(limit=2).last == Position(NOW - 1, "holy-psalm-101")


def test_a_filtered_page_may_be_empty_and_have_a_next_position(
    dynamodb: Stores, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(speaker_index, "FILTERED_ITEMS", 2)
    dynamodb.add(created(0), created(1), created(2, status=Status.PAUSED))

    first = dynamodb.page(status=Status.PAUSED)
    second = dynamodb.page(status=Status.PAUSED, after=first.last)

    assert first == Page([], Position(NOW - 1, "holy-psalm-101"))
    assert (ids(second), second.last) == (["holy-psalm-102"], None)
