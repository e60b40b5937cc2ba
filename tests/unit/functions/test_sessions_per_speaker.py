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
CLIENT = HANDLER.client
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
        HANDLER.create_session, "_limit", replace(HANDLER.sessions_per_speaker, limit=limit)
    )


def create(speaker: str = ALICE, key: str | None = None, language: str = "en") -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    request = event(CREATE, speaker=speaker, body={"sourceLanguage": language}, headers=headers)
    return dict(HANDLER.handler(request, LAMBDA_CONTEXT))


def test_a_speaker_may_create_50_sessions_an_hour():
    assert (HANDLER.sessions_per_speaker.limit, HANDLER.sessions_per_speaker.window_s) == (50, 3600)


WRITE = {None: "sessions:PutItem", "k1": "idempotency_keys+sessions:TransactWriteItems"}


@pytest.mark.parametrize("key", [None, "k1"], ids=["without a key", "with a key"])
@pytest.mark.parametrize(("sessions_per_hour", "limit_calls"), [(50, ["rate_limits:UpdateItem"]), (0, [])])
def test_a_session_is_created_with_two_calls_and_with_the_limit_off_with_one(
    limit: Callable[[int], None], sessions_per_hour: int, limit_calls: list[str], key: str | None
):
    limit(sessions_per_hour)

    with record_calls(CLIENT, LIMIT_CLIENT) as calls:
        response = create(key=key)

    assert (response["statusCode"], calls) == (201, [*limit_calls, WRITE[key]])


def uses() -> list[str]:
    """Return the counts of all speakers and hours."""
    return [item["uses"]["N"] for item in CLIENT.scan(TableName=RATE_LIMITS_TABLE)["Items"]]


def test_a_replay_gives_its_use_back_and_reads_the_session():
    first = create(key="k1")

    with record_calls(CLIENT, LIMIT_CLIENT) as calls:
        replay = create(key="k1")

    assert replay == first
    assert calls == [
        "rate_limits:UpdateItem",
        "idempotency_keys+sessions:TransactWriteItems",
        "sessions:GetItem",
        "rate_limits:UpdateItem",
    ]
    assert uses() == ["1"]


def test_replays_and_refusals_leave_the_speaker_free_to_create():
    create(key="k1")

    replays = {create(key="k1")["statusCode"] for _ in range(50)}
    refusals = {create(key="k1", language="fr")["statusCode"] for _ in range(50)}
    created = [create()["statusCode"] for _ in range(50)]

    assert (replays, refusals) == ({201}, {422})
    assert created == [201] * 49 + [429]


def test_failures_leave_the_speaker_free_to_create(monkeypatch: pytest.MonkeyPatch):
    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="dynamodb")

    for key in ("k1", None):
        CLIENT.meta.events.register("before-call.dynamodb", fail)
        failed = {create(key=key)["statusCode"] for _ in range(50)}
        CLIENT.meta.events.unregister("before-call.dynamodb", fail)
        assert failed == {503}

    assert [create()["statusCode"] for _ in range(51)] == [201] * 50 + [429]


def test_beyond_the_limit_a_replay_is_answered_without_a_write(limit: Callable[[int], None]):
    limit(1)
    first = create(key="k1")

    with record_calls(CLIENT, LIMIT_CLIENT) as calls:
        replay = create(key="k1")

    assert replay == first
    assert calls == ["rate_limits:UpdateItem", "idempotency_keys:GetItem", "sessions:GetItem"]
    assert [create(key="k2")["statusCode"], create(key="k1", language="fr")["statusCode"]] == [429, 429]
    assert uses() == ["1"]


def test_a_use_that_cannot_be_given_back_is_counted_as_unavailable_and_changes_no_response(
    capsys: pytest.CaptureFixture[str],
):
    def fail_to_give_back(params: dict[str, Any], **_: Any) -> None:
        if params["UpdateExpression"].startswith("ADD"):
            raise ReadTimeoutError(endpoint_url="dynamodb")

    first = create(key="k1")
    LIMIT_CLIENT.meta.events.register("provide-client-params.dynamodb", fail_to_give_back)
    try:
        replay = create(key="k1")
    finally:
        LIMIT_CLIENT.meta.events.unregister("provide-client-params.dynamodb", fail_to_give_back)

    assert replay == first
    assert "RateLimitUnavailableCount" in capsys.readouterr().out
    assert uses() == ["2"]


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
