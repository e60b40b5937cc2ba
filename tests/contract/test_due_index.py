"""The contract of DueSessions, for the one in memory and the index of the sessions table."""

from typing import Any, NamedTuple

import pytest

from shared.audience.ports import DueSession, DueSessions
from shared.aws.due_index import PAGE_SIZE, DueIndex
from shared.aws.sessions_table import SessionsTable
from shared.sessions.ports import SessionStore
from tests.support.memory_stores import MemoryDueSessions, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, record_requests


class Stores(NamedTuple):
    """The due sessions, and the store that contains them."""

    due: DueSessions
    sessions: SessionStore

    def add(self, session_id: str, due_at: int | None) -> None:
        self.sessions.add(a_session(id=session_id, due_at=due_at), reusable_before=NOW_S)


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Return the stores, empty."""
    if request.param == "memory":
        sessions = MemorySessions()
        return Stores(MemoryDueSessions(sessions.rows), sessions)
    client = request.getfixturevalue("client")
    return Stores(DueIndex(client, SESSIONS_TABLE), SessionsTable(client, SESSIONS_TABLE))


def test_sessions_that_are_due_come_in_the_order_of_their_due_times(stores: Stores):
    stores.add("holy-psalm-100", NOW_S)
    stores.add("holy-psalm-101", NOW_S - 60)
    stores.add("holy-psalm-102", NOW_S + 1)
    stores.add("holy-psalm-103", None)

    assert list(stores.due.pages(NOW)) == [
        [DueSession("holy-psalm-101", NOW_S - 60), DueSession("holy-psalm-100", NOW_S)]
    ]


def test_all_pages_are_returned(stores: Stores):
    numbers = range(100, 100 + PAGE_SIZE + 5)
    for number in numbers:
        stores.add(f"holy-psalm-{number}", NOW_S - number)

    pages = list(stores.due.pages(NOW))

    assert [len(page) for page in pages] == [PAGE_SIZE, 5]
    assert {due.session_id for page in pages for due in page} == {f"holy-psalm-{n}" for n in numbers}


# DynamoDB only


def test_a_page_is_one_query_of_the_index(client: Any):
    with record_requests(client) as operations:
        assert [due for page in DueIndex(client, SESSIONS_TABLE).pages(NOW) for due in page] == []

    assert operations == ["Query"]
