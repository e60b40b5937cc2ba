"""$disconnect, from the event to the table."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from tests.support.connections import a_listener
from tests.support.handlers import load_handler
from tests.support.tables import CONNECTIONS_TABLE, create_tables, record_calls
from tests.support.websocket_events import disconnect

HANDLER = load_handler("disconnect_session")
CLIENT = HANDLER.connections._client


@pytest.fixture(autouse=True)
def no_sockets(socket_disabled: None) -> None:
    """Fail whatever opens one."""


@pytest.fixture(autouse=True)
def two_people() -> Iterator[None]:
    with mock_aws():
        create_tables(CLIENT)
        HANDLER.connections.add(a_listener(id="stays"))
        HANDLER.connections.add(a_listener(id="goes"))
        yield


def present() -> list[str]:
    return [row["connectionId"]["S"] for row in CLIENT.scan(TableName=CONNECTIONS_TABLE)["Items"]]


def invoke(event: dict[str, Any]) -> int:
    return int(HANDLER.handler(event, None)["statusCode"])


def test_who_has_left_is_forgotten_with_one_call():
    with record_calls(CLIENT) as calls:
        status = invoke(disconnect(connection_id="goes"))

    assert (status, calls, present()) == (200, ["connections:DeleteItem"], ["stays"])


def test_leaving_twice_is_harmless():
    statuses = [invoke(disconnect(connection_id="goes")) for _ in range(2)]

    assert (statuses, present()) == ([200, 200], ["stays"])


def test_who_never_came_in_is_no_fault():
    assert invoke(disconnect("holy-psalm-100", connection_id="stays")) == 200

    assert sorted(present()) == ["goes", "stays"]


def test_a_connection_that_the_authorizer_never_saw_is_400_and_asks_nobody():
    event = disconnect(connection_id="goes")
    del event["requestContext"]["authorizer"]

    with record_calls(CLIENT) as calls:
        status = invoke(event)

    assert (status, calls) == (400, [])
