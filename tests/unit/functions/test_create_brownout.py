"""POST /sessions while DynamoDB hangs, fails, is slow or reports conflicts: it answers within its 10 s."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from moto import mock_aws

from shared.aws.dynamodb import DEFAULT_CONFIG, FAIL_FAST_CONFIG
from tests.support.brownouts import FAULTS, Fault, answers_late, brownout, closes_connections, hangs
from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.http_events import CREATE, LAMBDA_CONTEXT, event
from tests.support.tables import (
    IDEMPOTENCY_KEYS_TABLE,
    RATE_LIMITS_TABLE,
    SESSIONS_TABLE,
    TRANSACTIONS,
    create_tables,
)

TIMEOUT_MS = 10_000
HANDLER = load_handler("create_session")
LIMIT_CLIENT = HANDLER.sessions_per_speaker.store._client  # it has no deadline
CLIENTS = {HANDLER.client: DEFAULT_CONFIG, LIMIT_CLIENT: FAIL_FAST_CONFIG}
ENDLESS = 10**6


@pytest.fixture(autouse=True)
def tables(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Create the tables. Each wait takes as long as it ever does."""

    def wait(seconds: float) -> None:
        assert seconds <= 1
        clock.now += 1000

    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=wait))
    monkeypatch.setattr(HANDLER.create_session, "_sleep", wait)
    with mock_aws():
        create_tables(HANDLER.client)
        yield
    TRANSACTIONS.inject_conflicts(SESSIONS_TABLE, 0)


def create(key: str | None) -> int:
    headers = {"Idempotency-Key": key} if key else {}
    request = event(CREATE, body={"sourceLanguage": "en"}, headers=headers)
    return int(HANDLER.handler(request, LAMBDA_CONTEXT)["statusCode"])


def uses() -> list[str]:
    return [item["uses"]["N"] for item in LIMIT_CLIENT.scan(TableName=RATE_LIMITS_TABLE)["Items"]]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("replay", "key", "after"),
    [
        *((False, None, after) for after in range(2)),
        *((False, "k1", after) for after in range(2)),
        # The limit, the transaction, the session, the limit again.
        *((True, "k1", after) for after in range(4)),
    ],
)
def test_a_create_is_over_before_its_function_times_out(
    clock: Clock, fault: Fault, replay: bool, key: str | None, after: int
):
    if replay:
        assert create(key) == 201
    start = clock.now

    with brownout(fault, clock, CLIENTS, after=after):
        status = create(key)

    assert clock.now - start < TIMEOUT_MS
    assert status in (201, 503)


@pytest.mark.parametrize("key", [None, "k1"], ids=["without a key", "with a key"])
@pytest.mark.parametrize("fault", [None, answers_late], ids=["fast", "slow"])
def test_endless_conflicts_are_over_before_the_function_times_out(
    clock: Clock, fault: Fault | None, key: str | None
):
    TRANSACTIONS.inject_conflicts(SESSIONS_TABLE, ENDLESS)
    start = clock.now

    with brownout(fault or (lambda *_: None), clock, CLIENTS, after=0):
        status = create(key)

    assert status == 503
    assert clock.now - start < TIMEOUT_MS


def test_a_replay_whose_session_never_appears_is_over_before_the_function_times_out(clock: Clock):
    create("k1")
    (row,) = HANDLER.client.scan(TableName=SESSIONS_TABLE)["Items"]
    HANDLER.client.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": row["sessionId"]})
    start = clock.now

    with brownout(answers_late, clock, CLIENTS, after=0):
        status = create("k1")

    assert status == 503
    assert clock.now - start < TIMEOUT_MS


def test_beyond_the_limit_a_replay_is_over_before_the_function_times_out(clock: Clock):
    assert [create(f"k{number}") for number in range(51)] == [201] * 50 + [429]
    start = clock.now

    with brownout(hangs, clock, CLIENTS, after=1):
        status = create("k1")

    assert status == 503
    assert clock.now - start < TIMEOUT_MS


@pytest.mark.parametrize("key", [None, "k1"], ids=["without a key", "with a key"])
def test_the_use_is_given_back_even_when_the_time_is_over(clock: Clock, key: str | None):
    start = clock.now

    def hang_unless_it_is_the_limit(clock: Clock, config: Any) -> None:
        if config is DEFAULT_CONFIG:
            hangs(clock, config)

    with brownout(hang_unless_it_is_the_limit, clock, CLIENTS, after=0) as sent:
        assert create(key) == 503

    write = "TransactWriteItems" if key else "PutItem"
    # The write hangs twice for 3 s, with a wait of 1 s between them.
    assert sent == ["UpdateItem", write, write, "UpdateItem"]
    assert clock.now - start == 7000
    assert uses() == ["0"]


def test_a_use_of_the_table_that_hangs_leaves_time_for_the_session(clock: Clock):
    def hang_if_it_is_the_limit(clock: Clock, config: Any) -> None:
        if config is FAIL_FAST_CONFIG:
            hangs(clock, config)

    with brownout(hang_if_it_is_the_limit, clock, CLIENTS, after=0):
        assert create("k1") == 201


def test_a_fault_that_is_over_at_once_costs_no_session(clock: Clock):
    faults = iter([closes_connections])

    def fail_once(clock: Clock, config: Any) -> None:
        for fault in faults:
            fault(clock, config)

    with brownout(fail_once, clock, CLIENTS, after=1):
        assert create("k1") == 201

    assert len(HANDLER.client.scan(TableName=IDEMPOTENCY_KEYS_TABLE)["Items"]) == 1
