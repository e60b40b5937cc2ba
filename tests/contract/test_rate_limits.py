"""What every store of rate limits promises: one suite, run against the memory store and DynamoDB alike."""

from collections.abc import Callable, Iterator
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, NoCredentialsError
from moto import mock_aws

from shared.aws import dynamodb as dynamodb_client
from shared.aws.errors import error_code
from shared.aws.rate_limits_table import RateLimitsTable
from shared.errors import ServiceUnavailable
from shared.rate_limits import UseStore
from tests.support.memory_stores import MemoryRateLimits
from tests.support.sessions import NOW_S
from tests.support.tables import RATE_LIMITS_TABLE, create_tables, record_requests

AWS = botocore.session.get_session()
EXPIRES_AT = NOW_S + 3600


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        client = AWS.create_client("dynamodb", config=dynamodb_client.FAIL_FAST_CONFIG)
        create_tables(client)
        yield client


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> UseStore:
    if request.param == "memory":
        return MemoryRateLimits()
    return RateLimitsTable(request.getfixturevalue("client"), RATE_LIMITS_TABLE)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_as_many_uses_as_the_limit_and_not_one_more(store: UseStore, limit: int):
    taken = [store.take("sessions#alice#1", limit, EXPIRES_AT) for _ in range(limit + 2)]

    assert taken == [True] * limit + [False, False]


def test_each_key_is_counted_for_itself(store: UseStore):
    assert [store.take(key, 1, EXPIRES_AT) for key in ("a", "b", "a")] == [True, True, False]


def test_a_limit_that_is_raised_holds_at_once(store: UseStore):
    store.take("a", 1, EXPIRES_AT)

    assert [store.take("a", 2, EXPIRES_AT) for _ in range(2)] == [True, False]


# DynamoDB alone


@pytest.mark.parametrize("uses", [0, 1], ids=["taken", "refused"])
def test_a_use_is_exactly_one_call(client: Any, uses: int):
    store = RateLimitsTable(client, RATE_LIMITS_TABLE)
    for _ in range(uses):
        store.take("a", 1, EXPIRES_AT)

    with record_requests(client) as sent:
        store.take("a", 1, EXPIRES_AT)

    assert sent == ["UpdateItem"]


def test_a_row_is_deleted_after_its_window(client: Any):
    RateLimitsTable(client, RATE_LIMITS_TABLE).take("a", 5, EXPIRES_AT)

    assert client.scan(TableName=RATE_LIMITS_TABLE)["Items"] == [
        {"limitKey": {"S": "a"}, "uses": {"N": "1"}, "expiresAt": {"N": str(EXPIRES_AT)}}
    ]


def test_a_refused_use_is_not_counted(client: Any):
    store = RateLimitsTable(client, RATE_LIMITS_TABLE)
    for _ in range(5):
        store.take("a", 1, EXPIRES_AT)

    assert [row["uses"] for row in client.scan(TableName=RATE_LIMITS_TABLE)["Items"]] == [{"N": "1"}]


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "UpdateItem")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "fault",
    [
        refusal("ThrottlingException"),
        refusal("ResourceNotFoundException"),
        refusal("AccessDeniedException"),
        ConnectionClosedError(endpoint_url="x"),
        NoCredentialsError(),
    ],
    ids=error_code,
)
def test_whatever_is_wrong_with_the_table_is_said_the_same_way(
    client: Any, fault: Exception, caplog: pytest.LogCaptureFixture
):
    client.meta.events.register("before-call.dynamodb", raising(fault))

    with pytest.raises(ServiceUnavailable):
        RateLimitsTable(client, RATE_LIMITS_TABLE).take("joins#secret#1", 1, EXPIRES_AT)

    (record,) = caplog.records
    said = vars(record)
    assert (said["msg"], said["reason"]) == ("The rate limits table does not answer", error_code(fault))
    assert "secret" not in str(said)


def raising(error: Exception) -> Callable[..., None]:
    def fail(**_: Any) -> None:
        raise error

    return fail


def test_the_table_is_not_waited_for_longer_than_a_second():
    brief = dynamodb_client.FAIL_FAST_CONFIG

    assert brief.retries["total_max_attempts"] == 1
    assert brief.connect_timeout + brief.read_timeout <= 1
