"""How many listeners a session admits."""

import pytest

from tests.conformance.system import MAX_LISTENERS, DeployedSystem
from tests.faults.in_process.conftest import Session
from tests.support.eventually import eventually
from tests.support.websocket_clients import HandshakeRefused, WebSocketClient, WebSocketClients


def test_of_many_listeners_at_once_exactly_as_many_as_allowed_are_admitted(
    session: Session, clients: WebSocketClients, system: DeployedSystem
):
    listener = {"sessionId": session.id, "targetLanguage": "es"}

    crowd = clients.open_all(system.websocket_url, [listener] * (2 * MAX_LISTENERS))

    assert sum(isinstance(client, WebSocketClient) for client in crowd) == MAX_LISTENERS


def test_a_listener_that_disconnects_makes_room_for_another(session: Session):
    listeners = [session.listener() for _ in range(MAX_LISTENERS)]
    with pytest.raises(HandshakeRefused):
        session.listener()

    listeners[0].close()

    # First a count gives the place back, and then the container forgets that the session was full.
    eventually(lambda: session.read()["listenerCount"] == MAX_LISTENERS - 1)
    eventually(lambda: session.listener_if_admitted() is not None, interval_s=0.5)
