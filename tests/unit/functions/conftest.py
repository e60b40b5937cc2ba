"""The doors over a table in moto: an event in, a response out, and what was sent to the table meanwhile.

moto runs inside this process and opens no socket. Its conditional writes are not atomic between threads,
so races are run in tests/system, against moto's server.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from moto import mock_aws

from shared.aws import dynamodb
from tests.support.handlers import FUNCTIONS, LAMBDA_CONTEXT, SETTINGS, load_handler
from tests.support.http_events import CREATE, HEALTH, event
from tests.support.tables import SESSIONS_TABLE, create_table, record_requests


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture(scope="session")
def doors() -> dict[str, ModuleType]:
    """Return the handler modules by route, built as Lambda builds them: once, from the environment."""
    settings = SETTINGS | {"SESSIONS_PER_SPEAKER_PER_HOUR": "0"}
    with pytest.MonkeyPatch.context() as patch:
        shared_client = dynamodb.create_client()
        patch.setattr(dynamodb, "create_client", lambda _config=None: shared_client)
        return {route: load_handler(function, settings) for route, function in FUNCTIONS.items()}


@pytest.fixture(scope="session")
def client(doors: dict[str, ModuleType]) -> Any:
    """Return the DynamoDB client of the doors."""
    return doors[HEALTH].sessions._client


@pytest.fixture
def table(client: Any) -> Iterator[Any]:
    """Make an empty sessions table, and give the client to look into it."""
    with mock_aws():
        create_table(client, SESSIONS_TABLE)
        yield client


@dataclass(frozen=True)
class Answer:
    """A response, with its body decoded, and the operations that were sent to DynamoDB for it."""

    status: int
    headers: dict[str, str]
    body: Any
    calls: list[str]


@pytest.fixture
def invoke(doors: dict[str, ModuleType], client: Any) -> Callable[..., Answer]:
    """Return a way to send one request: invoke(route, **what tests.support.http_events.event takes)."""

    def invoke(route: str, **sent: Any) -> Answer:
        with record_requests(client) as calls:
            response = doors[route].handler(event(route, **sent), LAMBDA_CONTEXT)
        json.dumps(response)  # Lambda's runtime client does so
        body = json.loads(response["body"]) if "body" in response else None
        return Answer(response["statusCode"], response["headers"], body, calls)

    return invoke


@pytest.fixture
def opened(table: Any, invoke: Callable[..., Answer]) -> Answer:
    """Open a session of tests.support.http_events.SPEAKER."""
    return invoke(CREATE, body={"sourceLanguage": "en"})


@pytest.fixture
def expire(table: Any) -> Callable[[str, int], None]:
    """Return a way to move the end of a session: expire(session id, epoch seconds)."""

    def expire(session_id: str, expires_at: int) -> None:
        table.update_item(
            TableName=SESSIONS_TABLE,
            Key={"sessionId": {"S": session_id}},
            UpdateExpression="SET expiresAt = :at",
            ExpressionAttributeValues={":at": {"N": str(expires_at)}},
        )

    return expire
