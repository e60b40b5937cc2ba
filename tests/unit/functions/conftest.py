"""The doors over a table in moto: an event in, a response out, and what was sent to the table meanwhile.

moto runs inside this process and opens no socket. Its conditional writes are not atomic between threads,
so races are run in tests/system, against moto's server.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from moto import mock_aws

from tests.support.http_events import CREATE, DELETE, GET, HEALTH, LAMBDA_CONTEXT, LIST, UPDATE, event
from tests.support.tables import TABLE, make_table, requests_of
from tests.support.wirings import forget_what_is_built

DOORS = {
    CREATE: "create_session",
    LIST: "list_sessions",
    GET: "get_session",
    UPDATE: "update_session",
    DELETE: "delete_session",
    HEALTH: "health",
}


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture(scope="session")
def doors() -> dict[str, ModuleType]:
    """Return the handler modules by route, built as Lambda builds them: once, from the environment."""
    forget_what_is_built()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENV", "test")
        environment.setenv("SESSIONS_TABLE", TABLE)
        environment.setenv("SESSION_ID_DIGITS", "3")
        environment.setenv("CURSOR_KEY", "a-k3y-that-nobody-knows")
        environment.setenv("RATE_LIMITS_TABLE", "rate-limits")
        environment.setenv("SESSIONS_PER_SPEAKER_PER_HOUR", "0")
        environment.setenv("VERSION", "0.1.0+0123456789ab")
        modules = {route: f"functions.{name}.handler" for route, name in DOORS.items()}
        for module in modules.values():
            sys.modules.pop(module, None)  # another test may have built it from other settings
        return {route: importlib.import_module(module) for route, module in modules.items()}


@pytest.fixture(scope="session")
def client(doors: dict[str, ModuleType]) -> Any:
    """Return the DynamoDB client of the doors."""
    return doors[HEALTH].STORE._client


@pytest.fixture
def table(client: Any) -> Iterator[Any]:
    """Make an empty sessions table, and give the client to look into it."""
    with mock_aws():
        make_table(client)
        yield client


@dataclass(frozen=True)
class Answer:
    """A response, with its body decoded, and the operations that were sent to DynamoDB for it."""

    status: int
    headers: dict[str, str]
    body: Any
    calls: list[str]


@pytest.fixture
def invoke(doors: dict[str, ModuleType]) -> Callable[..., Answer]:
    """Return a way to send one request: invoke(route, **what tests.support.http_events.event takes)."""

    clients = [doors[HEALTH].STORE._client, doors[LIST].LISTING._index._client]

    def invoke(route: str, **sent: Any) -> Answer:
        with requests_of(*clients) as calls:
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
            TableName=TABLE,
            Key={"sessionId": {"S": session_id}},
            UpdateExpression="SET expiresAt = :at",
            ExpressionAttributeValues={":at": {"N": str(expires_at)}},
        )

    return expire
