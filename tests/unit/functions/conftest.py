"""Call the handlers of the HTTP API with tables in moto, which runs in this process and opens no socket."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws

from shared.aws import dynamodb
from tests.support.clock import Clock
from tests.support.handlers import FUNCTIONS, LAMBDA_CONTEXT, SETTINGS, load_handler
from tests.support.http_events import CREATE, event
from tests.support.tables import (
    CAPTIONS_TABLE,
    IDEMPOTENCY_KEYS_TABLE,
    SESSIONS_TABLE,
    create_table,
    record_requests,
)


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail a test that opens a socket."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of all handlers by one that stands still unless a test moves it."""
    clock = Clock()
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    return clock


@pytest.fixture(scope="session")
def client() -> Any:
    """Create the DynamoDB client that all handlers of the HTTP API share."""
    return dynamodb.create_client()


@pytest.fixture(scope="session")
def handlers(client: Any) -> dict[str, ModuleType]:
    """Return the handler modules by route, loaded once, with the rate limit off."""
    settings = SETTINGS | {"SESSIONS_PER_SPEAKER_PER_HOUR": "0"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dynamodb, "create_client", lambda *_, **__: client)
        return {route: load_handler(function, settings) for route, function in FUNCTIONS.items()}


@pytest.fixture
def sessions_table(client: Any) -> Iterator[None]:
    """Create the tables that routes of the HTTP API read and write, empty."""
    with mock_aws():
        create_table(client, SESSIONS_TABLE)
        create_table(client, CAPTIONS_TABLE)
        create_table(client, IDEMPOTENCY_KEYS_TABLE)
        yield


@dataclass(frozen=True)
class Response:
    """A response with its body decoded, and the operations that the SDK sent to DynamoDB for it."""

    status: int
    headers: dict[str, str]
    body: Any
    calls: list[str]


Invoke = Callable[..., Response]
Expire = Callable[[str, int], None]


@pytest.fixture
def invoke(handlers: dict[str, ModuleType], client: Any, sessions_table: None, clock: Clock) -> Invoke:
    """Return a function that sends a request: invoke(route, **arguments of http_events.event)."""

    def invoke(route: str, **request: Any) -> Response:
        with record_requests(client) as calls:
            response = handlers[route].handler(event(route, **request), LAMBDA_CONTEXT)
        json.dumps(response)  # as Lambda's runtime client does
        body = json.loads(response["body"]) if "body" in response else None
        return Response(response["statusCode"], response["headers"], body, calls)

    return invoke


@pytest.fixture
def created(invoke: Invoke) -> Response:
    """Create a session of the default speaker of tests.support.http_events; return the response."""
    return invoke(CREATE, body={"sourceLanguage": "en"})


@pytest.fixture
def session_id(created: Response) -> str:
    """Return the id of the created session."""
    return str(created.body["sessionId"])


@pytest.fixture
def expire(client: Any, sessions_table: None) -> Expire:
    """Return a function that changes when a session expires: expire(session id, epoch seconds)."""

    def expire(session_id: str, expires_at: int) -> None:
        client.update_item(
            TableName=SESSIONS_TABLE,
            Key={"sessionId": {"S": session_id}},
            UpdateExpression="SET expiresAt = :at",
            ExpressionAttributeValues={":at": {"N": str(expires_at)}},
        )

    return expire
