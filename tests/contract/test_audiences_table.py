"""The contract of PlaceStore, for the store in memory and the audiences table."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.exceptions import ConnectionClosedError

from shared.audience.connection import SessionRef
from shared.audience.ports import Places, PlaceStore
from shared.aws.audiences_table import SCHEMA, AudiencesTable
from shared.errors import ServiceUnavailable
from tests.support.memory_stores import MemoryPlaces
from tests.support.network import Network
from tests.support.sessions import NOW, NOW_S
from tests.support.tables import AUDIENCES_TABLE, record_requests

SESSION = SessionRef("blessed-shepherd-427", NOW)
DELETE_AT = NOW_S + 27 * 60 * 60


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> PlaceStore:
    if request.param == "memory":
        return MemoryPlaces()
    return AudiencesTable(request.getfixturevalue("client"), AUDIENCES_TABLE)


def take(store: PlaceStore, limit: int = 500, session: SessionRef = SESSION) -> Places | None:
    return store.take(session, limit=limit, delete_at=DELETE_AT)


def test_a_session_without_listeners_has_no_places_taken(store: PlaceStore):
    assert store.get(SESSION) == Places(taken=0, generation=0, counted_at=0)


def test_each_place_taken_raises_the_generation(store: PlaceStore):
    assert [take(store) for _ in range(3)] == [None] * 3

    assert store.get(SESSION) == Places(taken=3, generation=3)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_exactly_as_many_places_as_the_limit_are_taken(store: PlaceStore, limit: int):
    results = [take(store, limit) for _ in range(limit + 2)]

    assert results == [None] * limit + [Places(limit, limit)] * 2
    assert store.get(SESSION) == Places(limit, limit)


@pytest.mark.parametrize(
    "other",
    [SessionRef("holy-psalm-100", NOW), SessionRef(SESSION.id, NOW + 1)],
    ids=["another id", "the same id later"],
)
def test_each_session_has_its_own_places(store: PlaceStore, other: SessionRef):
    take(store, 1)

    assert take(store, 1, other) is None
    assert (store.get(SESSION), store.get(other)) == (Places(1, 1), Places(1, 1))


def test_the_places_taken_can_be_lowered_and_taken_again(store: PlaceStore):
    for _ in range(3):
        take(store, 3)

    assert store.set_taken(SESSION, 1, generation=3) is True

    assert store.get(SESSION) == Places(taken=1, generation=3)
    assert take(store, 3) is None
    assert store.get(SESSION) == Places(taken=2, generation=4)


def test_the_places_taken_can_be_lowered_to_zero(store: PlaceStore):
    take(store)

    assert store.set_taken(SESSION, 0, generation=1) is True

    assert store.get(SESSION) == Places(taken=0, generation=1)


@pytest.mark.parametrize("taken", [3, 4])
def test_the_places_taken_are_only_lowered(store: PlaceStore, taken: int):
    for _ in range(3):
        take(store)

    assert store.set_taken(SESSION, taken, generation=3) is False

    assert store.get(SESSION) == Places(taken=3, generation=3)


@pytest.mark.parametrize("generation", [2, 4])
def test_the_places_taken_are_not_lowered_with_another_generation(store: PlaceStore, generation: int):
    for _ in range(3):
        take(store)

    assert store.set_taken(SESSION, 1, generation=generation) is False

    assert store.get(SESSION) == Places(taken=3, generation=3)


def test_a_count_is_claimed_once(store: PlaceStore):
    take(store)

    claims = [store.claim_count(SESSION, counted_at=0, now=NOW + number) for number in range(2)]

    assert claims == [True, False]
    assert store.get(SESSION) == Places(taken=1, generation=1, counted_at=NOW)


def test_the_next_count_is_claimed_with_the_time_of_the_last_one(store: PlaceStore):
    take(store)
    store.claim_count(SESSION, counted_at=0, now=NOW)

    claims = [store.claim_count(SESSION, counted_at=at, now=NOW + 2000) for at in (0, NOW + 1, NOW, NOW)]

    assert claims == [False, False, True, False]
    assert store.get(SESSION).counted_at == NOW + 2000


def test_a_full_session_says_when_it_was_last_counted(store: PlaceStore):
    take(store, 1)
    store.claim_count(SESSION, counted_at=0, now=NOW)

    assert take(store, 1) == Places(taken=1, generation=1, counted_at=NOW)


def test_places_that_are_gone_are_neither_lowered_nor_counted(store: PlaceStore):
    assert store.set_taken(SESSION, 0, generation=0) is False
    assert store.claim_count(SESSION, counted_at=0, now=NOW) is False

    assert store.get(SESSION) == Places()


# DynamoDB only


@pytest.fixture
def no_retry_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK retry at once."""
    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.mark.usefixtures("no_retry_waits")
@pytest.mark.parametrize("limit", [1, 2])
def test_a_take_that_the_sdk_repeats_takes_one_place(client: Any, limit: int):
    store = AudiencesTable(client, AUDIENCES_TABLE)
    if limit == 2:
        take(store, limit)
    Network(client).lose_response("UpdateItem")

    with record_requests(client) as operations:
        assert take(store, limit) is None

    assert operations == ["UpdateItem"] * 2
    assert store.get(SESSION) == Places(limit, limit)


@pytest.mark.parametrize("taken", [0, 1, 2], ids=["first", "second", "full"])
def test_a_take_sends_one_request(client: Any, taken: int):
    store = AudiencesTable(client, AUDIENCES_TABLE)
    for _ in range(taken):
        take(store, 2)

    with record_requests(client) as operations:
        take(store, 2)

    assert operations == ["UpdateItem"]


def test_places_are_read_consistently(client: Any):
    reads: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: reads.append(params)
    )

    AudiencesTable(client, AUDIENCES_TABLE).get(SESSION)

    assert [read["ConsistentRead"] for read in reads] == [True]


def test_an_item_has_its_keys_counts_and_deletion_time(client: Any):
    store = AudiencesTable(client, AUDIENCES_TABLE)
    take(store)
    store.claim_count(SESSION, counted_at=0, now=NOW + 5)

    (item,) = client.scan(TableName=AUDIENCES_TABLE)["Items"]

    assert len(item.pop("writeId")["S"]) == 16
    assert item == {
        "sessionId": {"S": SESSION.id},
        "sessionCreatedAt": {"N": str(NOW)},
        "taken": {"N": "1"},
        "generation": {"N": "1"},
        "countedAt": {"N": str(NOW + 5)},
        "deleteAt": {"N": str(DELETE_AT)},
    }


def test_the_schema_has_every_field_of_the_places():
    assert tuple(SCHEMA) == Places._fields


@pytest.mark.parametrize(
    "call",
    [
        take,
        lambda store: store.get(SESSION),
        lambda store: store.claim_count(SESSION, counted_at=0, now=NOW),
        lambda store: store.set_taken(SESSION, 0, generation=1),
    ],
    ids=["take", "get", "claim_count", "set_taken"],
)
def test_a_broken_connection_is_a_temporary_fault(client: Any, call: Callable[[AudiencesTable], object]):
    def fail(**_: Any) -> None:
        raise ConnectionClosedError(endpoint_url="dynamodb")

    client.meta.events.register("before-call.dynamodb", fail)

    with pytest.raises(ServiceUnavailable):
        call(AudiencesTable(client, AUDIENCES_TABLE))
