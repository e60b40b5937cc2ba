"""The contract of SessionBookkeeping, for the store in memory and the sessions table."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from shared.audience.connection import SessionRef
from shared.audience.ports import SessionBookkeeping as Port
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable, to_item
from shared.errors import UnreadableRow
from shared.sessions.ports import SessionStore
from shared.sessions.session import Session, Status
from tests.support.memory_stores import MemoryBookkeeping, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, record_requests

SESSION = SessionRef("blessed-shepherd-427", NOW)
EARLIER_SESSION = SessionRef("blessed-shepherd-427", NOW - 30 * 60 * 60 * 1000)
ABSENT_SESSION = SessionRef("holy-psalm-100", NOW)
UNTIL = NOW_S + 7200
CONNECTED = a_session(speaker_connected_since=NOW, speaker_connected_until=UNTIL, due_at=UNTIL)
ENDED = a_session(status=Status.ENDED, ended_at=NOW, due_at=NOW_S + 120)


class Stores(NamedTuple):
    """The bookkeeping, and the sessions that it writes to."""

    bookkeeping: Port
    sessions: SessionStore

    def session(self) -> Session | None:
        return self.sessions.get(SESSION.id)

    def replace(self, session: Session) -> None:
        self.sessions.add(session, reusable_before=NOW_S + 10**9)


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Return the stores with the session SESSION."""
    if request.param == "memory":
        sessions = MemorySessions()
        stores = Stores(MemoryBookkeeping(sessions.rows), sessions)
    else:
        client = request.getfixturevalue("client")
        stores = Stores(SessionBookkeeping(client, SESSIONS_TABLE), SessionsTable(client, SESSIONS_TABLE))
    stores.sessions.add(a_session(), reusable_before=NOW_S)
    return stores


# the listener count


@pytest.mark.parametrize("count", [0, 1, 500])
def test_setting_the_count_changes_no_other_field_and_returns_the_session(stores: Stores, count: int):
    result = stores.bookkeeping.set_listener_count(SESSION, count)

    assert result == stores.session() == a_session(listener_count=count)


def test_the_count_of_an_ended_session_can_be_set(stores: Stores):
    stores.replace(ENDED)

    assert stores.bookkeeping.set_listener_count(SESSION, 4) == replace(ENDED, listener_count=4)


@pytest.mark.parametrize(
    "session", [EARLIER_SESSION, ABSENT_SESSION], ids=["earlier session with the same id", "unknown id"]
)
def test_a_session_that_is_gone_is_neither_counted_nor_created(stores: Stores, session: SessionRef):
    assert stores.bookkeeping.set_listener_count(session, 7) is None

    assert stores.session() == a_session()
    assert stores.sessions.get(ABSENT_SESSION.id) is None


# the speaker's presence


def test_a_connected_speaker_is_recorded(stores: Stores):
    assert stores.bookkeeping.set_speaker_connected(a_session(), since=NOW, until=UNTIL, due_at=UNTIL)

    assert stores.session() == CONNECTED


def test_a_further_connection_keeps_the_time_of_the_first(stores: Stores):
    stores.replace(CONNECTED)

    stores.bookkeeping.set_speaker_connected(CONNECTED, since=NOW + 9, until=UNTIL + 9, due_at=UNTIL + 9)

    assert stores.session() == replace(CONNECTED, speaker_connected_until=UNTIL + 9, due_at=UNTIL + 9)


def test_an_absence_replaces_the_connection_and_a_return_the_absence(stores: Stores):
    stores.replace(CONNECTED)

    assert stores.bookkeeping.set_speaker_absent(CONNECTED, since=NOW + 5, due_at=UNTIL + 5)
    absent = stores.session()
    assert absent == a_session(speaker_absent_since=NOW + 5, due_at=UNTIL + 5)

    assert stores.bookkeeping.set_speaker_connected(absent, since=NOW, until=UNTIL, due_at=UNTIL)
    assert stores.session() == CONNECTED


@pytest.mark.parametrize("current", [ENDED, replace(CONNECTED, created_at=NOW - 1)], ids=["ended", "other"])
def test_the_presence_of_an_ended_or_another_session_is_not_recorded(stores: Stores, current: Session):
    stores.replace(current)

    assert not stores.bookkeeping.set_speaker_connected(a_session(), since=NOW, until=UNTIL, due_at=UNTIL)
    assert not stores.bookkeeping.set_speaker_absent(CONNECTED, since=NOW, due_at=UNTIL)

    assert stores.session() == current


def test_an_absence_is_not_recorded_when_the_connection_has_changed(stores: Stores):
    stores.replace(replace(CONNECTED, speaker_connected_until=UNTIL + 1))

    assert not stores.bookkeeping.set_speaker_absent(CONNECTED, since=NOW, due_at=UNTIL)


def test_an_absence_that_lasts_is_announced_and_a_return_takes_that_away(stores: Stores):
    absent = a_session(speaker_absent_since=NOW, due_at=UNTIL)
    stores.replace(absent)

    announced = stores.bookkeeping.set_absence_announced(absent, NOW + 10_000)

    assert announced == stores.session() == replace(absent, absence_announced_at=NOW + 10_000)
    stores.bookkeeping.set_speaker_connected(absent, since=NOW, until=UNTIL, due_at=UNTIL)
    assert stores.session() == CONNECTED


@pytest.mark.parametrize(
    "current", [CONNECTED, ENDED, a_session(speaker_absent_since=NOW + 1)], ids=["over", "ended", "another"]
)
def test_an_absence_that_is_over_is_not_announced(stores: Stores, current: Session):
    stores.replace(current)

    assert stores.bookkeeping.set_absence_announced(a_session(speaker_absent_since=NOW), NOW) is None
    assert stores.session() == current


# the due time


@pytest.mark.parametrize("new", [NOW_S + 300, None])
def test_a_due_time_is_replaced_or_removed_once(stores: Stores, new: int | None):
    old = a_session().due_at or 0

    assert stores.bookkeeping.set_due(SESSION.id, old, new) is True
    assert stores.bookkeeping.set_due(SESSION.id, old, new) is False

    assert stores.session() == a_session(due_at=new)
    assert stores.bookkeeping.set_due(ABSENT_SESSION.id, old, new) is False


# DynamoDB only


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.set_listener_count(SESSION, 3),
        lambda store: store.set_listener_count(ABSENT_SESSION, 3),
        lambda store: store.set_speaker_connected(a_session(), since=NOW, until=UNTIL, due_at=UNTIL),
        lambda store: store.set_speaker_absent(CONNECTED, since=NOW, due_at=UNTIL),
        lambda store: store.set_absence_announced(CONNECTED, NOW),
        lambda store: store.set_due(SESSION.id, NOW_S, None),
    ],
    ids=["count", "count of an unknown id", "connected", "absent", "announced", "due"],
)
def test_each_method_sends_one_request(client: Any, call: Callable[[Port], object]):
    with record_requests(client) as operations:
        call(SessionBookkeeping(client, SESSIONS_TABLE))

    assert operations == ["UpdateItem"]


def test_counting_a_session_that_cannot_be_read_writes_the_count(client: Any):
    item = to_item(a_session())
    del item["speakerId"]
    client.put_item(TableName=SESSIONS_TABLE, Item=item)

    with pytest.raises(UnreadableRow):
        SessionBookkeeping(client, SESSIONS_TABLE).set_listener_count(SESSION, 3)

    (stored,) = client.scan(TableName=SESSIONS_TABLE)["Items"]
    assert stored["listenerCount"] == {"N": "3"}


def test_a_session_that_is_not_due_is_not_in_the_index(client: Any):
    sessions, bookkeeping = SessionsTable(client, SESSIONS_TABLE), SessionBookkeeping(client, SESSIONS_TABLE)
    sessions.add(a_session(), reusable_before=NOW_S)

    bookkeeping.set_due(SESSION.id, a_session().due_at or 0, None)

    (item,) = client.scan(TableName=SESSIONS_TABLE)["Items"]
    assert not {"dueAt", "duePartition"} & item.keys()
    bookkeeping.set_speaker_connected(a_session(), since=NOW, until=UNTIL, due_at=UNTIL)
    (item,) = client.scan(TableName=SESSIONS_TABLE, IndexName="byDueAt")["Items"]
    assert item["dueAt"] == {"N": str(UNTIL)}
