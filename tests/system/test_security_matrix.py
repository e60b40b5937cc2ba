"""Each route for each kind of caller, over sockets, as the table says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scripts.docs.security_matrix import MATRIX, NO_CONNECTION
from tests.support.eventually import eventually
from tests.support.websocket_clients import HandshakeRefused, WebSocketClients, websocket_clients
from tests.system.conftest import TIMEOUT_S, Call, System
from tests.system.credentials import AUTHORIZATION, Genuine

BODIES: dict[str, Any] = {"POST": {"sourceLanguage": "en"}, "PATCH": {"status": "paused"}}
LISTENING = {"targetLanguage": "es"}
MESSAGES = {"heartbeat": '{"action": "heartbeat"}', "$default": '{"action": "dance"}'}

CELLS = [(caller, route, answer) for caller, row in MATRIX.items() for route, answer in row.items()]
HTTP = [cell for cell in CELLS if cell[1].split()[0].isupper()]
HANDSHAKES = [cell for cell in CELLS if cell[1].startswith("$connect")]
OVER_SOCKETS = [cell for cell in CELLS if cell[1] in MESSAGES]


@pytest.fixture(scope="module")
def clients() -> Iterator[WebSocketClients]:
    with websocket_clients() as opener:
        yield opener


def open_session(system: System, genuine: Genuine) -> requests.Response:
    answer = requests.post(
        f"{system.url}/sessions",
        json=BODIES["POST"],
        headers={"Authorization": f"Bearer {genuine.access}"},
        timeout=TIMEOUT_S,
    )
    assert answer.status_code == 201, answer.text
    return answer


@pytest.fixture(scope="module")
def untouched(system: System, genuine: Genuine) -> requests.Response:
    """Create a session of the owner that no refused request changes."""
    return open_session(system, genuine)


def authorization(genuine: Genuine, caller: str) -> dict[str, str]:
    sent = AUTHORIZATION[caller](genuine)
    return {} if sent is None else {"Authorization": sent}


def by_header_and_by_query(genuine: Genuine, caller: str) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return the ways to bring a token, as headers and query of a handshake; browsers have the latter."""
    header = authorization(genuine, caller)
    if not header:
        return [({}, {})]
    return [(header, {}), ({}, {"token": re.sub("(?i)^bearer ", "", header["Authorization"])})]


def test_every_caller_of_the_table_sends_what_it_says():
    assert list(MATRIX) == list(AUTHORIZATION)


def test_the_table_has_every_route_that_terraform_declares(system: System):
    shown = (system.work / "terraform" / "terraform_state.json").read_text()
    declared = set(re.findall(r'"route_key":\s*"([^"]+)"', shown))

    routes = {route.partition(" to ")[0] for _, route, _ in CELLS}
    assert routes == declared - {"$disconnect"}, "no client can send $disconnect"


@pytest.mark.parametrize(("caller", "route", "answer"), HTTP)
def test_a_request_is_answered_as_the_table_says(
    system: System,
    call: Call,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    route: str,
    answer: str,
):
    method, _, path = route.partition(" ")
    changes = method in ("PATCH", "DELETE") and answer.startswith("2")
    opened = open_session(system, genuine) if changes else untouched

    got = call(
        method,
        path.replace("{sessionId}", opened.json()["sessionId"]),
        headers=authorization(genuine, caller),
        json=BODIES.get(method),
    )

    assert str(got.status_code) == answer
    if answer == "401":
        assert got.headers["www-authenticate"].startswith("Bearer")
    if answer == "403":
        assert got.json()["code"] == "NOT_AUTHORIZED"
    if not changes:
        now = call("GET", untouched.headers["Location"])
        assert now.headers["ETag"] == untouched.headers["ETag"]


@pytest.mark.parametrize(("caller", "route", "answer"), HANDSHAKES)
def test_a_handshake_is_answered_as_the_table_says(
    system: System,
    clients: WebSocketClients,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    route: str,
    answer: str,
):
    query = {"sessionId": untouched.json()["sessionId"]} | (LISTENING if route.endswith("listen") else {})

    got = set()
    for headers, token in by_header_and_by_query(genuine, caller):
        try:
            clients.open(system.running.websocket_url, headers, **query, **token).close()
            got.add("101")
        except HandshakeRefused as refused:
            got.add(str(refused.status))

    assert got == {answer}


@pytest.mark.parametrize(("caller", "route", "answer"), OVER_SOCKETS)
def test_a_message_is_answered_as_the_table_says(
    system: System,
    clients: WebSocketClients,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    route: str,
    answer: str,
):
    query = {"sessionId": untouched.json()["sessionId"], **LISTENING}
    headers = authorization(genuine, caller)
    if answer == NO_CONNECTION:
        with pytest.raises(HandshakeRefused):
            clients.open(system.running.websocket_url, headers, **query)
        return
    client = clients.open(system.running.websocket_url, headers, **query)

    client.send(MESSAGES[route])

    eventually(lambda: client.messages)
    client.close()
    assert client.types() == [answer]
