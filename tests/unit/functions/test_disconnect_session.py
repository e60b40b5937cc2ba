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
def two_connections() -> Iterator[None]:
    """Connect a listener who stays and one who leaves."""
    with mock_aws():
        create_tables(CLIENT)
        HANDLER.connections.add(a_listener(id="staying"))
        HANDLER.connections.add(a_listener(id="leaving"))
        yield


def connection_ids() -> list[str]:
    return [row["connectionId"]["S"] for row in CLIENT.scan(TableName=CONNECTIONS_TABLE)["Items"]]


def invoke(event: dict[str, Any]) -> int:
    return int(HANDLER.handler(event, None)["statusCode"])


def test_a_closed_connection_is_removed_with_one_call():
    with record_calls(CLIENT) as calls:
        status = invoke(disconnect(connection_id="leaving"))

    assert (status, calls, connection_ids()) == (200, ["connections:DeleteItem"], ["staying"])


def test_a_repeated_disconnect_is_200():
    statuses = [invoke(disconnect(connection_id="leaving")) for _ in range(2)]

    assert (statuses, connection_ids()) == ([200, 200], ["staying"])


def test_a_connection_without_a_row_is_200_and_removes_no_other():
    assert invoke(disconnect("holy-psalm-100", connection_id="staying")) == 200

    assert sorted(connection_ids()) == ["leaving", "staying"]


def test_a_message_that_selects_the_route_removes_no_connection():
    event = disconnect(connection_id="leaving")
    event["requestContext"]["eventType"] = "MESSAGE"

    with record_calls(CLIENT) as calls:
        status = invoke(event)

    assert (status, calls, sorted(connection_ids())) == (400, [], ["leaving", "staying"])


def test_an_event_without_authorizer_context_is_400_without_a_call():
    event = disconnect(connection_id="leaving")
    del event["requestContext"]["authorizer"]

    with record_calls(CLIENT) as calls:
        status = invoke(event)

    assert (status, calls) == (400, [])
