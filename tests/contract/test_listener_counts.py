"""What every keeper of counts promises: one suite, run against memory and DynamoDB alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from shared.audience.connection import SessionRef
from shared.audience.listener_counter import NOTIFY_INTERVAL_MS
from shared.audience.ports import ListenerCountStore
from shared.aws import dynamodb as dynamodb_client
from shared.aws.listener_counts import ListenerCounts
from shared.aws.sessions_table import SessionsTable
from shared.sessions.ports import SessionStore as Store
from shared.sessions.session import Session, Status
from tests.support.memory_stores import MemoryListenerCounts, MemorySessions
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables, record_requests

AWS = botocore.session.get_session()
HERE = SessionRef("blessed-shepherd-427", NOW)
ANOTHER = SessionRef("blessed-shepherd-427", NOW - 30 * 60 * 60 * 1000)
NOWHERE = SessionRef("holy-psalm-100", NOW)


@dataclass
class Kept:
    """Counts, and the store of the sessions that they are kept beside."""

    counts: ListenerCountStore
    store: Store

    def session(self) -> Session | None:
        return self.store.get("blessed-shepherd-427")


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = AWS.create_client("dynamodb", config=dynamodb_client.DEFAULT_CONFIG)
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def kept(request: pytest.FixtureRequest) -> Kept:
    store: Store
    if request.param == "memory":
        store = MemorySessions()
        kept = Kept(MemoryListenerCounts(store.rows), store)
    else:
        client = request.getfixturevalue("client")
        store = SessionsTable(client, SESSIONS_TABLE)
        kept = Kept(ListenerCounts(client, SESSIONS_TABLE), store)
    store.add(a_session(), reusable_before=NOW_S)
    return kept


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_count_is_written_and_nothing_else_is_touched(kept: Kept, count: int):
    assert kept.counts.set_listener_count(HERE, count) is True

    assert kept.session() == a_session(listener_count=count)


def test_an_ended_session_is_counted_too(kept: Kept):
    ended = a_session(status=Status.ENDED, ended_at=NOW, expires_at=NOW_S - 1)
    kept.store.add(ended, reusable_before=NOW_S + 10**9)

    assert kept.counts.set_listener_count(HERE, 0) is True

    assert kept.session() == ended


@pytest.mark.parametrize("session", [ANOTHER, NOWHERE], ids=["another of the same id", "none"])
def test_a_session_that_is_gone_gets_no_count_and_is_not_made(kept: Kept, session: SessionRef):
    assert kept.counts.set_listener_count(session, 7) is False
    assert kept.counts.may_notify_speaker(session, NOW, NOTIFY_INTERVAL_MS) is False

    assert kept.session() == a_session()
    assert kept.store.get("holy-psalm-100") is None


@pytest.mark.parametrize(
    ("ms", "may"), [(0, False), (NOTIFY_INTERVAL_MS - 1, False), (NOTIFY_INTERVAL_MS, True)]
)
def test_a_speaker_may_be_told_once_in_an_interval(kept: Kept, ms: int, may: bool):
    assert kept.counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS) is True

    assert kept.counts.may_notify_speaker(HERE, NOW + ms, NOTIFY_INTERVAL_MS) is may


def test_who_is_refused_does_not_begin_a_new_interval(kept: Kept):
    kept.counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS)
    kept.counts.may_notify_speaker(HERE, NOW + NOTIFY_INTERVAL_MS - 1, NOTIFY_INTERVAL_MS)

    assert kept.counts.may_notify_speaker(HERE, NOW + NOTIFY_INTERVAL_MS, NOTIFY_INTERVAL_MS) is True


def test_telling_the_speaker_changes_nothing_that_anybody_sees(kept: Kept):
    kept.counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS)

    assert kept.session() == a_session()


# DynamoDB alone


def test_what_is_kept_beside_a_session_has_names_that_another_version_knows_too(client: Any):
    store, counts = SessionsTable(client, SESSIONS_TABLE), ListenerCounts(client, SESSIONS_TABLE)
    store.add(a_session(), reusable_before=NOW_S)

    counts.set_listener_count(HERE, 3)
    counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS)

    (row,) = client.scan(TableName=SESSIONS_TABLE)["Items"]
    assert (row["listenerCount"], row["audienceToldAt"]) == ({"N": "3"}, {"N": str(NOW)})


@pytest.mark.parametrize(
    "use",
    [
        lambda counts: counts.set_listener_count(HERE, 3),
        lambda counts: counts.set_listener_count(NOWHERE, 3),
        lambda counts: counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS),
    ],
)
def test_each_use_of_the_table_is_exactly_one_call(client: Any, use: Callable[[ListenerCountStore], bool]):
    with record_requests(client) as sent:
        use(ListenerCounts(client, SESSIONS_TABLE))

    assert sent == ["UpdateItem"]


def test_a_session_that_takes_an_id_again_begins_without_a_count(client: Any):
    store, counts = SessionsTable(client, SESSIONS_TABLE), ListenerCounts(client, SESSIONS_TABLE)
    store.add(a_session(created_at=ANOTHER.created_at, expires_at=NOW_S - 1), reusable_before=NOW_S)
    counts.set_listener_count(ANOTHER, 9)
    counts.may_notify_speaker(ANOTHER, NOW, NOTIFY_INTERVAL_MS)

    store.add(a_session(), reusable_before=NOW_S)

    assert store.get("blessed-shepherd-427") == a_session(listener_count=0)
    assert counts.may_notify_speaker(HERE, NOW, NOTIFY_INTERVAL_MS) is True
