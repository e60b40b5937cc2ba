"""The security matrix: the response of every route to every kind of caller, over sockets."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from scripts.docs.security_matrix import MATRIX, MESSAGES, NO_CONNECTION
from tests.support.eventually import eventually
from tests.support.websocket_clients import HandshakeRefused, WebSocketClients, websocket_clients
from tests.system.conftest import TIMEOUT_S, Call, System
from tests.system.credentials import AUTHORIZATION, Genuine

BODIES: dict[str, Any] = {"POST": {"sourceLanguage": "en"}, "PATCH": {"status": "paused"}}
LISTENING = {"targetLanguage": "es"}
FIELDS: dict[str, Any] = {
    "$default": {"action": "dance"},
    "changeLanguage": {"targetLanguage": "fr"},
    "publishCaption": {"text": "Hello"},
}
SEQUENCES = itertools.count(1)
WELCOMES = {"$connect to listen": ["sessionJoined", "captions"], "$connect to speak": ["sessionJoined"]}

CELLS = [(caller, route, expected) for caller, row in MATRIX.items() for route, expected in row.items()]
HTTP = [cell for cell in CELLS if cell[1].split()[0].isupper()]
HANDSHAKES = [cell for cell in CELLS if cell[1].startswith("$connect")]
OVER_SOCKETS = [
    (caller, handshake, message, MATRIX[caller][message])
    for caller in MATRIX
    for handshake, messages in MESSAGES.items()
    for message in messages
]


@pytest.fixture(scope="module")
def clients() -> Iterator[WebSocketClients]:
    with websocket_clients() as clients:
        yield clients


def create_session(system: System, genuine: Genuine) -> requests.Response:
    response = requests.post(
        f"{system.url}/sessions",
        json=BODIES["POST"],
        headers={"Authorization": f"Bearer {genuine.access}"},
        timeout=TIMEOUT_S,
    )
    assert response.status_code == 201, response.text
    return response


@pytest.fixture(scope="module")
def untouched(system: System, genuine: Genuine) -> requests.Response:
    """Create a session of the owner that no refused request changes."""
    return create_session(system, genuine)


def authorization(genuine: Genuine, caller: str) -> dict[str, str]:
    value = AUTHORIZATION[caller](genuine)
    return {} if value is None else {"Authorization": value}


def ways_to_send_a_token(genuine: Genuine, caller: str) -> list[dict[str, Any]]:
    """Return how a handshake can have the token: as a header, in the query, and as a subprotocol.

    Browsers cannot set the header, and not every text is the name of a subprotocol (RFC 6455, 4.1).
    """
    header = authorization(genuine, caller)
    if not header:
        return [{}]
    token = re.sub("(?i)^bearer ", "", header["Authorization"])
    ways: list[dict[str, Any]] = [{"headers": header}, {"token": token}]
    if re.fullmatch(r"[\w.~-]*", token):
        ways.append({"protocols": ("sessions.v1", f"bearer.{token}")})
    return ways


def test_every_caller_in_the_matrix_has_an_authorization_header():
    assert list(MATRIX) == list(AUTHORIZATION)


def test_the_matrix_contains_every_route_that_terraform_declares(system: System):
    state = (system.work / "terraform" / "terraform_state.json").read_text()
    declared = set(re.findall(r'"route_key":\s*"([^"]+)"', state))

    routes = {route.partition(" to ")[0] for _, route, _ in CELLS}
    assert routes == declared - {"$disconnect"}, "no client can send $disconnect"


@pytest.mark.parametrize(("caller", "route", "expected"), HTTP)
def test_a_request_gets_the_status_in_the_matrix(
    system: System,
    call: Call,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    route: str,
    expected: str,
):
    method, _, path = route.partition(" ")
    changes = method in ("PATCH", "DELETE") and expected.startswith("2")
    session = create_session(system, genuine) if changes else untouched

    response = call(
        method,
        path.replace("{sessionId}", session.json()["sessionId"]),
        headers=authorization(genuine, caller),
        json=BODIES.get(method),
    )

    assert str(response.status_code) == expected
    if expected == "401":
        assert response.headers["www-authenticate"].startswith("Bearer")
    if expected == "403":
        assert response.json()["code"] == "NOT_AUTHORIZED"
    if not changes:
        current = call("GET", untouched.headers["Location"])
        assert current.headers["ETag"] == untouched.headers["ETag"]


@pytest.mark.parametrize(("caller", "route", "expected"), HANDSHAKES)
def test_a_handshake_gets_the_status_in_the_matrix(
    system: System,
    clients: WebSocketClients,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    route: str,
    expected: str,
):
    query = {"sessionId": untouched.json()["sessionId"]} | (LISTENING if route.endswith("listen") else {})

    statuses = set()
    for way in ways_to_send_a_token(genuine, caller):
        try:
            clients.open(system.running.websocket_url, **query, **way).close()
            statuses.add("101")
        except HandshakeRefused as refused:
            statuses.add(str(refused.status))

    assert statuses == {expected}


@pytest.mark.parametrize(("caller", "handshake", "message", "expected"), OVER_SOCKETS)
def test_a_message_gets_the_response_in_the_matrix(
    system: System,
    clients: WebSocketClients,
    genuine: Genuine,
    untouched: requests.Response,
    caller: str,
    handshake: str,
    message: str,
    expected: str,
):
    query = {"sessionId": untouched.json()["sessionId"]} | (LISTENING if handshake.endswith("listen") else {})
    headers = authorization(genuine, caller)
    if expected == NO_CONNECTION:
        with pytest.raises(HandshakeRefused):
            clients.open(system.running.websocket_url, headers, **query)
        return
    client = clients.open(system.running.websocket_url, headers, **query)
    welcome = set(WELCOMES[handshake])
    eventually(lambda: welcome <= {received["type"] for received in client.messages})
    already = len(client.messages)

    action = message.partition(" to ")[0]
    client.send(json.dumps({"action": action, "sequence": next(SEQUENCES), **FIELDS.get(action, {})}))

    def answers() -> list[str]:
        """Return the answers, without what is sent for another reason."""
        return [
            answer.get("code", answer["type"])
            for answer in client.messages[already:]
            if answer["type"] not in ("audience", "caption", "captions", "speakerPresence")
        ]

    eventually(answers)
    client.close()
    assert answers() == [expected]
