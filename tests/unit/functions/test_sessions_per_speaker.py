"""POST /sessions with its rate limit: how many sessions a speaker may create, and the calls that it takes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.http_events import CREATE, LAMBDA_CONTEXT, event
from tests.support.sessions import ALICE, BOB
from tests.support.tables import RATE_LIMITS_TABLE, SESSIONS_TABLE, create_tables, record_calls

HANDLER = load_handler("create_session")
CLIENT = HANDLER.create_session._sessions._client
LIMIT_CLIENT = HANDLER.sessions_per_speaker.store._client


@pytest.fixture(autouse=True)
def tables(clock: Clock) -> Iterator[None]:
    """Create the tables; the clock stands still, so all requests are within one hour."""
    with mock_aws():
        create_tables(CLIENT)
        yield


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that sets the limit."""
    return lambda limit: monkeypatch.setattr(
        HANDLER, "sessions_per_speaker", replace(HANDLER.sessions_per_speaker, limit=limit)
    )


def create(speaker: str = ALICE) -> dict[str, Any]:
    request = event(CREATE, speaker=speaker, body={"sourceLanguage": "en"})
    return dict(HANDLER.handler(request, LAMBDA_CONTEXT))


def test_a_speaker_may_create_50_sessions_an_hour():
    assert (HANDLER.sessions_per_speaker.limit, HANDLER.sessions_per_speaker.window_s) == (50, 3600)


@pytest.mark.parametrize(
    ("sessions_per_hour", "expected_calls"),
    [(50, ["rate_limits:UpdateItem", "sessions:PutItem"]), (0, ["sessions:PutItem"])],
)
def test_a_session_is_created_with_two_calls_and_with_the_limit_off_with_one(
    limit: Callable[[int], None], sessions_per_hour: int, expected_calls: list[str]
):
    limit(sessions_per_hour)

    with record_calls(CLIENT, LIMIT_CLIENT) as calls:
        response = create()

    assert (response["statusCode"], calls) == (201, expected_calls)


def test_a_session_beyond_the_limit_is_429_and_is_not_created(limit: Callable[[int], None]):
    limit(2)
    statuses = [create()["statusCode"] for _ in range(5)]
    response = create()

    assert statuses == [201, 201, 429, 429, 429]
    assert len(CLIENT.scan(TableName=SESSIONS_TABLE)["Items"]) == 2
    assert json.loads(response["body"])["code"] == "RATE_LIMITED"
    assert 1 <= int(response["headers"]["Retry-After"]) <= 3600


def test_each_speaker_has_their_own_limit(limit: Callable[[int], None]):
    limit(1)
    create(ALICE)

    assert create(BOB)["statusCode"] == 201


def test_an_invalid_request_does_not_count_towards_the_limit():
    HANDLER.handler(event(CREATE, speaker=ALICE, body={"sourceLanguage": "xx"}), LAMBDA_CONTEXT)

    assert CLIENT.scan(TableName=RATE_LIMITS_TABLE)["Items"] == []


@pytest.mark.parametrize("fault", ["no table", "no response"])
def test_an_unavailable_rate_limits_table_is_counted_and_rejects_no_session(
    fault: str, capsys: pytest.CaptureFixture[str]
):
    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="dynamodb")

    if fault == "no table":
        CLIENT.delete_table(TableName=RATE_LIMITS_TABLE)
    else:
        LIMIT_CLIENT.meta.events.register("before-call.dynamodb", fail)
    try:
        response = create()
    finally:
        LIMIT_CLIENT.meta.events.unregister("before-call.dynamodb", fail)

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert response["statusCode"] == 201
    assert [
        metric["RateLimitUnavailableCount"] for metric in metrics if "RateLimitUnavailableCount" in metric
    ] == [1]
