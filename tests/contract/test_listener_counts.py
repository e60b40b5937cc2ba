"""The contract of ListenerCountStore, for the store in memory and the sessions table."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from shared.audience.connection import SessionRef
from shared.audience.listener_counter import NOTIFY_INTERVAL_MS
from shared.audience.ports import ListenerCountStore
from shared.aws.listener_counts import ListenerCounts
from shared.aws.sessions_table import SessionsTable
from shared.sessions.ports import SessionStore
from shared.sessions.session import Session, Status
from tests.support.memory_stores import MemoryListenerCounts, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, record_requests

SESSION = SessionRef("blessed-shepherd-427", NOW)
EARLIER_SESSION = SessionRef("blessed-shepherd-427", NOW - 30 * 60 * 60 * 1000)
ABSENT_SESSION = SessionRef("holy-psalm-100", NOW)


class Stores(NamedTuple):
    """The counts, and the sessions that have them."""

    counts: ListenerCountStore
    sessions: SessionStore

    def session(self) -> Session | None:
        return self.sessions.get(SESSION.id)


@pytest.fixture(params=["memory", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    """Return the stores with the session SESSION."""
    if request.param == "memory":
        sessions = MemorySessions()
        stores = Stores(MemoryListenerCounts(sessions.rows), sessions)
    else:
        client = request.getfixturevalue("client")
        stores = Stores(ListenerCounts(client, SESSIONS_TABLE), SessionsTable(client, SESSIONS_TABLE))
    stores.sessions.add(a_session(), reusable_before=NOW_S)
    return stores


@pytest.mark.parametrize("count", [0, 1, 500])
def test_setting_the_count_changes_no_other_field(stores: Stores, count: int):
    assert stores.counts.set_listener_count(SESSION, count) is True

    assert stores.session() == a_session(listener_count=count)


def test_the_count_of_an_ended_session_can_be_set(stores: Stores):
    ended = a_session(status=Status.ENDED, ended_at=NOW, expires_at=NOW_S - 1)
    stores.sessions.add(ended, reusable_before=NOW_S + 10**9)

    assert stores.counts.set_listener_count(SESSION, 0) is True

    assert stores.session() == ended


@pytest.mark.parametrize(
    "session", [EARLIER_SESSION, ABSENT_SESSION], ids=["earlier session with the same id", "unknown id"]
)
def test_a_session_that_is_gone_is_neither_counted_nor_created(stores: Stores, session: SessionRef):
    assert stores.counts.set_listener_count(session, 7) is False
    assert stores.counts.may_notify_speaker(session, NOW, NOTIFY_INTERVAL_MS) is False

    assert stores.session() == a_session()
    assert stores.sessions.get(ABSENT_SESSION.id) is None


@pytest.mark.parametrize(
    ("elapsed_ms", "allowed"), [(0, False), (NOTIFY_INTERVAL_MS - 1, False), (NOTIFY_INTERVAL_MS, True)]
)
def test_a_speaker_may_be_notified_once_per_interval(stores: Stores, elapsed_ms: int, allowed: bool):
    assert stores.counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS) is True

    assert stores.counts.may_notify_speaker(SESSION, NOW + elapsed_ms, NOTIFY_INTERVAL_MS) is allowed


def test_a_refused_notification_does_not_start_a_new_interval(stores: Stores):
    stores.counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS)
    stores.counts.may_notify_speaker(SESSION, NOW + NOTIFY_INTERVAL_MS - 1, NOTIFY_INTERVAL_MS)

    assert stores.counts.may_notify_speaker(SESSION, NOW + NOTIFY_INTERVAL_MS, NOTIFY_INTERVAL_MS) is True


def test_notifying_the_speaker_changes_no_field_of_the_session(stores: Stores):
    stores.counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS)

    assert stores.session() == a_session()


# DynamoDB only


def test_the_attribute_names_are_those_of_earlier_releases(client: Any):
    sessions, counts = SessionsTable(client, SESSIONS_TABLE), ListenerCounts(client, SESSIONS_TABLE)
    sessions.add(a_session(), reusable_before=NOW_S)

    counts.set_listener_count(SESSION, 3)
    counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS)

    (item,) = client.scan(TableName=SESSIONS_TABLE)["Items"]
    assert (item["listenerCount"], item["audienceToldAt"]) == ({"N": "3"}, {"N": str(NOW)})


@pytest.mark.parametrize(
    "call",
    [
        lambda counts: counts.set_listener_count(SESSION, 3),
        lambda counts: counts.set_listener_count(ABSENT_SESSION, 3),
        lambda counts: counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS),
    ],
    ids=["set_listener_count", "set_listener_count of an unknown id", "may_notify_speaker"],
)
def test_each_method_sends_one_request(client: Any, call: Callable[[ListenerCountStore], bool]):
    with record_requests(client) as operations:
        call(ListenerCounts(client, SESSIONS_TABLE))

    assert operations == ["UpdateItem"]


def test_a_session_that_reuses_an_id_starts_without_count_and_interval(client: Any):
    sessions, counts = SessionsTable(client, SESSIONS_TABLE), ListenerCounts(client, SESSIONS_TABLE)
    sessions.add(
        a_session(created_at=EARLIER_SESSION.created_at, expires_at=NOW_S - 1), reusable_before=NOW_S
    )
    counts.set_listener_count(EARLIER_SESSION, 9)
    counts.may_notify_speaker(EARLIER_SESSION, NOW, NOTIFY_INTERVAL_MS)

    sessions.add(a_session(), reusable_before=NOW_S)

    assert sessions.get(SESSION.id) == a_session(listener_count=0)
    assert counts.may_notify_speaker(SESSION, NOW, NOTIFY_INTERVAL_MS) is True
