"""More people than a session has places for, over real sockets."""

from collections import Counter

import requests

from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient, WebSocketClients, websocket_clients
from tests.system.conftest import Call, System

PLACES = 500  # terraform/environments/local.tfvars
PHONES = 600
AT_ONCE = 20
LEAVING = 5
ADDRESS = "127.0.3.1"


def test_600_people_fill_500_places_exactly_and_those_who_leave_make_room(
    system: System, call: Call, opened: requests.Response, path: str
):
    assert opened.json()["maxListeners"] == PLACES
    query = {"sessionId": opened.json()["sessionId"], "targetLanguage": "es"}

    def listener_count() -> int:
        count: int = call("GET", path).json()["listenerCount"]
        return count

    def join(clients: WebSocketClients) -> WebSocketClient | int:
        (client,) = clients.open_all(system.running.websocket_url, [query])
        return client

    with websocket_clients(ADDRESS) as clients:
        crowd = clients.open_all(system.running.websocket_url, [query] * PHONES, at_once=AT_ONCE)

        listeners = [client for client in crowd if isinstance(client, WebSocketClient)]
        refusals = Counter(status for status in crowd if isinstance(status, int))
        assert (len(listeners), refusals) == (PLACES, {503: PHONES - PLACES})
        eventually(lambda: listener_count() == PLACES)

        for listener in listeners[:LEAVING]:
            listener.close()
        for _ in range(LEAVING):
            # A full session counts its places again when it is joined, at most every two seconds.
            eventually(lambda: isinstance(join(clients), WebSocketClient))

        assert join(clients) == 503
        eventually(lambda: listener_count() == PLACES)
        assert sum(not listener.closed for listener in listeners) == PLACES - LEAVING
