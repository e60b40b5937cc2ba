"""POST /sessions with its limit: how often a speaker may open a session, and what that costs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from tests.support.handlers import load_handler
from tests.support.http_events import CREATE, LAMBDA_CONTEXT, event
from tests.support.sessions import ALICE, BOB
from tests.support.tables import RATE_LIMITS_TABLE, SESSIONS_TABLE, create_tables, record_calls

HANDLER = load_handler("create_session")
CLIENT = HANDLER.create_session._sessions._client
LIMIT_CLIENT = HANDLER.sessions_per_speaker.store._client


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture(autouse=True)
def tables() -> Iterator[None]:
    with mock_aws():
        create_tables(CLIENT)
        yield


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a way to set the limit."""
    return lambda limit: monkeypatch.setattr(
        HANDLER, "sessions_per_speaker", replace(HANDLER.sessions_per_speaker, limit=limit)
    )


def create(speaker: str = ALICE) -> dict[str, Any]:
    sent = event(CREATE, speaker=speaker, body={"sourceLanguage": "en"})
    return dict(HANDLER.handler(sent, LAMBDA_CONTEXT))


def test_the_limit_is_50_an_hour():
    assert (HANDLER.sessions_per_speaker.limit, HANDLER.sessions_per_speaker.window_s) == (50, 3600)


@pytest.mark.parametrize(
    ("allowed", "calls"), [(50, ["rate_limits:UpdateItem", "sessions:PutItem"]), (0, ["sessions:PutItem"])]
)
def test_a_session_is_opened_with_two_calls_and_with_one_when_the_limit_is_off(
    limit: Callable[[int], None], allowed: int, calls: list[str]
):
    limit(allowed)

    with record_calls(CLIENT, LIMIT_CLIENT) as sent:
        answer = create()

    assert (answer["statusCode"], sent) == (201, calls)


def test_one_session_too_many_is_429_and_not_opened(limit: Callable[[int], None]):
    limit(2)
    # Should an hour of the clock end meanwhile, there is room for two more.
    statuses = [create()["statusCode"] for _ in range(5)]
    answer = create()

    opened = len(CLIENT.scan(TableName=SESSIONS_TABLE)["Items"])
    assert 429 in statuses
    assert opened == statuses.count(201) <= 4
    assert json.loads(answer["body"])["code"] == "RATE_LIMITED"
    assert 1 <= int(answer["headers"]["Retry-After"]) <= 3600


def test_each_speaker_has_a_limit_of_their_own(limit: Callable[[int], None]):
    limit(1)
    create(ALICE)

    assert create(BOB)["statusCode"] == 201


def test_a_bad_request_costs_no_session():
    HANDLER.handler(event(CREATE, speaker=ALICE, body={"sourceLanguage": "xx"}), LAMBDA_CONTEXT)

    assert CLIENT.scan(TableName=RATE_LIMITS_TABLE)["Items"] == []


@pytest.mark.parametrize("fault", ["no table", "no answer"])
def test_sessions_are_opened_when_the_limits_table_is_down_and_it_is_said(
    fault: str, capsys: pytest.CaptureFixture[str]
):
    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="dynamodb")

    if fault == "no table":
        CLIENT.delete_table(TableName=RATE_LIMITS_TABLE)
    else:
        LIMIT_CLIENT.meta.events.register("before-call.dynamodb", fail)
    try:
        answer = create()
    finally:
        LIMIT_CLIENT.meta.events.unregister("before-call.dynamodb", fail)

    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answer["statusCode"] == 201
    assert [
        metric["RateLimitUnavailableCount"] for metric in metrics if "RateLimitUnavailableCount" in metric
    ] == [1]
