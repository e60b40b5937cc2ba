"""The functions around connections, each built as Lambda builds it: once, from the environment."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.support.connection_tables import CONNECTIONS, RATE_LIMITS
from tests.support.tables import TABLE

ADDRESS_KEY = "k3y-that-nobody-knows"
SETTINGS = {
    "ENV": "test",
    "SESSIONS_TABLE": TABLE,
    "CONNECTIONS_TABLE": CONNECTIONS,
    "RATE_LIMITS_TABLE": RATE_LIMITS,
    "SESSION_ID_DIGITS": "3",
    "SESSIONS_PER_SPEAKER_PER_HOUR": "50",
    "JOINS_PER_ADDRESS_PER_MINUTE": "10",
    "MAX_LISTENERS": "500",
    "ADDRESS_KEY": ADDRESS_KEY,
    "CURSOR_KEY": "another-k3y-that-nobody-knows",
    "WEBSOCKET_ENDPOINT": "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/ws",
    "USER_POOL_ID": "eu-west-1_AbCdEfGhI",
    "USER_POOL_CLIENT_ID": "3n4b5urk1ft4fl3mg5e62d9ado",
}
LAMBDA_CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000)


def door(function: str) -> ModuleType:
    """Return the function's handler module."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        return importlib.import_module(f"functions.{function}.handler")


@contextmanager
def calls_of(*clients: Any) -> Iterator[list[str]]:
    """List what the clients send to DynamoDB meanwhile, as `table:operation`."""
    sent: list[str] = []

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        sent.append(f"{params['TableName']}:{model.name}")

    for client in clients:
        client.meta.events.register("provide-client-params.dynamodb", note)
    try:
        yield sent
    finally:
        for client in clients:
            client.meta.events.unregister("provide-client-params.dynamodb", note)
