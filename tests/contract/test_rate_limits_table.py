"""The contract of UseStore, for the store in memory and the rate limits table."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, NoCredentialsError

from shared.aws.dynamodb import FAIL_FAST_CONFIG
from shared.aws.errors import error_code
from shared.aws.rate_limits_table import RateLimitsTable
from shared.errors import ServiceUnavailable
from shared.rate_limits import UseStore
from tests.support.memory_stores import MemoryRateLimits
from tests.support.sessions import NOW_S
from tests.support.tables import RATE_LIMITS_TABLE, record_requests

EXPIRES_AT = NOW_S + 3600


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> UseStore:
    if request.param == "memory":
        return MemoryRateLimits()
    return RateLimitsTable(request.getfixturevalue("client"), RATE_LIMITS_TABLE)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_exactly_as_many_uses_as_the_limit_are_allowed(store: UseStore, limit: int):
    results = [store.take("sessions#alice#1", limit, EXPIRES_AT) for _ in range(limit + 2)]

    assert results == [True] * limit + [False, False]


def test_each_key_has_its_own_count(store: UseStore):
    assert [store.take(key, 1, EXPIRES_AT) for key in ("a", "b", "a")] == [True, True, False]


def test_a_raised_limit_applies_at_once(store: UseStore):
    store.take("a", 1, EXPIRES_AT)

    assert [store.take("a", 2, EXPIRES_AT) for _ in range(2)] == [True, False]


def test_a_use_that_is_given_back_can_be_taken_again(store: UseStore):
    store.take("a", 1, EXPIRES_AT)

    store.give_back("a")

    assert [store.take("a", 1, EXPIRES_AT) for _ in range(2)] == [True, False]


def test_a_count_never_drops_below_zero(store: UseStore):
    store.take("a", 1, EXPIRES_AT)
    for _ in range(3):
        store.give_back("a")

    assert [store.take("a", 2, EXPIRES_AT) for _ in range(3)] == [True, True, False]


def test_a_use_is_given_back_under_its_own_key(store: UseStore):
    for key in ("a", "b"):
        store.take(key, 1, EXPIRES_AT)

    store.give_back("a")

    assert [store.take(key, 1, EXPIRES_AT) for key in ("a", "b")] == [True, False]


def test_what_was_never_taken_can_be_given_back(store: UseStore):
    store.give_back("a")

    assert [store.take("a", 1, EXPIRES_AT) for _ in range(2)] == [True, False]


# DynamoDB only


@pytest.mark.parametrize("earlier_uses", [0, 1], ids=["allowed", "refused"])
def test_a_use_sends_one_request(client: Any, earlier_uses: int):
    store = RateLimitsTable(client, RATE_LIMITS_TABLE)
    for _ in range(earlier_uses):
        store.take("a", 1, EXPIRES_AT)

    with record_requests(client) as operations:
        store.take("a", 1, EXPIRES_AT)

    assert operations == ["UpdateItem"]


@pytest.mark.parametrize("uses", [0, 1], ids=["nothing to give back", "one"])
def test_giving_back_is_one_request_and_writes_no_new_item(client: Any, uses: int):
    store = RateLimitsTable(client, RATE_LIMITS_TABLE)
    for _ in range(uses):
        store.take("a", 1, EXPIRES_AT)

    with record_requests(client) as operations:
        store.give_back("a")

    assert operations == ["UpdateItem"]
    assert (
        client.scan(TableName=RATE_LIMITS_TABLE)["Items"]
        == [{"limitKey": {"S": "a"}, "uses": {"N": "0"}, "expiresAt": {"N": str(EXPIRES_AT)}}] * uses
    )


def test_an_item_has_its_count_and_expiry(client: Any):
    RateLimitsTable(client, RATE_LIMITS_TABLE).take("a", 5, EXPIRES_AT)

    assert client.scan(TableName=RATE_LIMITS_TABLE)["Items"] == [
        {"limitKey": {"S": "a"}, "uses": {"N": "1"}, "expiresAt": {"N": str(EXPIRES_AT)}}
    ]


def test_a_refused_use_is_not_counted(client: Any):
    store = RateLimitsTable(client, RATE_LIMITS_TABLE)
    for _ in range(5):
        store.take("a", 1, EXPIRES_AT)

    assert [item["uses"] for item in client.scan(TableName=RATE_LIMITS_TABLE)["Items"]] == [{"N": "1"}]


def client_error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "UpdateItem")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("ResourceNotFoundException"),
        client_error("AccessDeniedException"),
        ConnectionClosedError(endpoint_url="x"),
        NoCredentialsError(),
    ],
    ids=error_code,
)
@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.take("joins#secret#1", 1, EXPIRES_AT),
        lambda store: store.give_back("joins#secret#1"),
    ],
    ids=["take", "give back"],
)
def test_every_fault_of_the_table_is_service_unavailable_and_logged_without_the_key(
    client: Any,
    error: Exception,
    call: Callable[[UseStore], object],
    caplog: pytest.LogCaptureFixture,
):
    def fail(**_: Any) -> None:
        raise error

    client.meta.events.register("before-call.dynamodb", fail)

    with pytest.raises(ServiceUnavailable):
        call(RateLimitsTable(client, RATE_LIMITS_TABLE))

    (record,) = map(vars, caplog.records)
    assert (record["msg"], record["reason"]) == ("The rate limits table does not answer", error_code(error))
    assert "secret" not in str(record)


def test_the_client_of_rate_limits_makes_one_attempt_of_at_most_one_second():
    assert FAIL_FAST_CONFIG.retries["total_max_attempts"] == 1
    assert FAIL_FAST_CONFIG.connect_timeout + FAIL_FAST_CONFIG.read_timeout <= 1
