"""Creates at the same moment, in threads over the tables, with transactions that conflict.

tests/system/test_races.py does the same over HTTP.
"""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from moto import mock_aws

from tests.support.clock import Clock
from tests.support.handlers import SETTINGS, load_handler
from tests.support.http_events import CREATE, LAMBDA_CONTEXT, event
from tests.support.sessions import ALICE, BOB
from tests.support.tables import (
    IDEMPOTENCY_KEYS_TABLE,
    RATE_LIMITS_TABLE,
    SESSIONS_TABLE,
    TRANSACTIONS,
    create_tables,
)

AT_ONCE = 50
HANDLER = load_handler("create_session", SETTINGS | {"SESSIONS_PER_SPEAKER_PER_HOUR": str(AT_ONCE)})
CLIENT = HANDLER.client


@pytest.fixture(autouse=True)
def tables(clock: Clock) -> Iterator[None]:
    """Create the tables; the clock stands still, so that no test depends on the speed of the machine."""
    with mock_aws():
        create_tables(CLIENT)
        yield


def create_at_once(*keys: str, languages: tuple[str, ...] = ("en",), speaker: str = ALICE) -> list[Any]:
    """Create a session for each key at the same moment, in these languages by turns; return the responses."""
    ready = Barrier(len(keys))

    def create(number: int) -> Any:
        request = event(
            CREATE,
            speaker=speaker,
            body={"sourceLanguage": languages[number % len(languages)]},
            headers={"Idempotency-Key": keys[number]},
        )
        ready.wait(timeout=60)
        return HANDLER.handler(request, LAMBDA_CONTEXT)

    with ThreadPoolExecutor(len(keys)) as threads:
        return list(threads.map(create, range(len(keys))))


def statuses(responses: list[Any]) -> Counter[int]:
    return Counter(response["statusCode"] for response in responses)


def rows(table: str) -> list[dict[str, Any]]:
    return list(CLIENT.scan(TableName=table)["Items"])


@pytest.mark.parametrize("injected", [0, 100])
def test_creates_with_one_key_make_one_session(injected: int):
    for table in (IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE):
        TRANSACTIONS.inject_conflicts(table, injected)

    responses = create_at_once(*["k1"] * AT_ONCE)

    TRANSACTIONS.inject_conflicts(SESSIONS_TABLE, 0)
    assert statuses(responses) == {201: AT_ONCE}
    assert len({response["body"] for response in responses}) == 1
    assert len(rows(SESSIONS_TABLE)) == len(rows(IDEMPOTENCY_KEYS_TABLE)) == 1
    assert [row["uses"] for row in rows(RATE_LIMITS_TABLE)] == [{"N": "1"}]


@pytest.mark.parametrize("injected", [0, 100])
def test_creates_with_different_keys_make_as_many_sessions(injected: int):
    for table in (IDEMPOTENCY_KEYS_TABLE, SESSIONS_TABLE):
        TRANSACTIONS.inject_conflicts(table, injected)

    responses = create_at_once(*(f"k{number}" for number in range(AT_ONCE)))

    assert statuses(responses) == {201: AT_ONCE}
    ids = {json.loads(response["body"])["sessionId"] for response in responses}
    assert len(ids) == len(rows(SESSIONS_TABLE)) == len(rows(IDEMPOTENCY_KEYS_TABLE)) == AT_ONCE
    assert [row["uses"] for row in rows(RATE_LIMITS_TABLE)] == [{"N": str(AT_ONCE)}]


def test_of_two_bodies_with_one_key_one_makes_the_session_and_the_other_is_refused():
    responses = create_at_once(*["k1"] * AT_ONCE, languages=("en", "fr"))

    assert statuses(responses) == {201: AT_ONCE // 2, 422: AT_ONCE // 2}
    assert len(rows(SESSIONS_TABLE)) == 1


def test_creates_that_try_the_same_ids_make_as_many_sessions(monkeypatch: pytest.MonkeyPatch):
    # Each request tries the same five ids, so three requests take an id of each width.
    monkeypatch.setattr("secrets.randbelow", lambda n: 7 % n)

    responses = create_at_once("k1", "k2", "k3")

    assert statuses(responses) == {201: 3}
    assert len(rows(SESSIONS_TABLE)) == len(rows(IDEMPOTENCY_KEYS_TABLE)) == 3


def test_two_speakers_with_one_key_make_two_sessions():
    alices = create_at_once("k1", "k1")
    bobs = create_at_once("k1", "k1", speaker=BOB)

    assert statuses(alices + bobs) == {201: 4}
    assert {row["speakerId"]["S"] for row in rows(SESSIONS_TABLE)} == {ALICE, BOB}
