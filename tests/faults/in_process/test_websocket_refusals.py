"""Handshakes that are refused, and with which status."""

import gzip
import json
import time
from collections.abc import Callable
from importlib import resources

import jwt
import pytest

from scripts.local.system import System
from tests.faults.in_process.conftest import JOINS_PER_MINUTE, MAX_LISTENERS, Session
from tests.support.eventually import eventually
from tests.support.websocket_clients import HandshakeRefused, WebSocketClient, WebSocketClients


def _refused(
    clients: WebSocketClients, local: System, headers: dict[str, str] | None = None, **query: str
) -> int:
    with pytest.raises(HandshakeRefused) as refused:
        clients.open(local.websocket_url, headers, **query)
    return refused.value.status


def _expired(token: str) -> str:
    """Return the same token, signed by the same pool, that has expired a minute ago."""
    packed = resources.files("moto.cognitoidp").joinpath("resources/jwks-private.json.gz").read_bytes()
    key = jwt.PyJWK(json.loads(gzip.decompress(packed)), algorithm="RS256").key
    claims = jwt.decode(token, options={"verify_signature": False}) | {"exp": int(time.time()) - 60}
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": kid})


BAD_TOKENS: dict[str, Callable[[str], str]] = {
    "empty": lambda token: "",
    "nonsense": lambda token: "nonsense",
    "changed": lambda token: token[:-6] + "AAAAAA",
    "unsigned": lambda token: jwt.encode({"sub": "x"}, None, algorithm="none"),
    "expired": _expired,
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_an_invalid_token_is_refused_and_does_not_make_a_listener(
    session: Session, clients: WebSocketClients, local: System, make: Callable[[str], str]
):
    token = make(session.token)
    query = {"sessionId": session.id, "targetLanguage": "es"}

    by_query = _refused(clients, local, **query, token=token)
    by_header = _refused(clients, local, {"Authorization": f"Bearer {token}"}, **query)

    assert (by_query, by_header) == (401, 401)
    assert session.rows() == []


def test_a_token_may_come_by_header(session: Session, clients: WebSocketClients, local: System):
    clients.open(local.websocket_url, {"Authorization": f"Bearer {session.token}"}, sessionId=session.id)

    assert [row["role"]["S"] for row in session.rows()] == ["speaker"]


@pytest.mark.parametrize("language", [None, "", "xx", "ES", "es "])
def test_a_listener_gives_a_language_that_is_supported(
    session: Session, clients: WebSocketClients, local: System, language: str | None
):
    query = {} if language is None else {"targetLanguage": language}

    assert _refused(clients, local, sessionId=session.id, **query) == 400
    assert session.rows() == []


def test_a_session_id_is_required(clients: WebSocketClients, local: System):
    assert _refused(clients, local, targetLanguage="es") == 400


@pytest.mark.parametrize("session_id", ["pure-hope-999999999", "Blessed-Shepherd-427", "x", "../health"])
def test_an_unknown_session_is_not_found(clients: WebSocketClients, local: System, session_id: str):
    assert _refused(clients, local, sessionId=session_id, targetLanguage="es") == 404


def test_an_ended_session_is_gone(session: Session, clients: WebSocketClients, local: System):
    session.end()

    for query in ({"targetLanguage": "es"}, {"token": session.token}):
        assert _refused(clients, local, sessionId=session.id, **query) == 410
    assert session.rows() == []


def test_too_many_from_one_address_are_refused(clients: WebSocketClients, local: System):
    statuses = []
    # Twice the limit, because a new minute may begin meanwhile.
    while 429 not in statuses and len(statuses) <= 2 * JOINS_PER_MINUTE:
        statuses.append(_refused(clients, local, sessionId="pure-hope-999999999", targetLanguage="es"))

    assert statuses[-1] == 429
    assert set(statuses[:-1]) == {404}
    assert len(statuses) > JOINS_PER_MINUTE


def test_of_forty_listeners_at_once_exactly_as_many_as_allowed_are_admitted(
    session: Session, clients: WebSocketClients, local: System
):
    speaker = session.speaker()

    crowd = clients.open_all(
        local.websocket_url, [{"sessionId": session.id, "targetLanguage": "es"}] * (2 * MAX_LISTENERS)
    )

    admitted = [client for client in crowd if isinstance(client, WebSocketClient)]
    assert len(admitted) == MAX_LISTENERS
    assert [client for client in crowd if not isinstance(client, WebSocketClient)] == [503] * MAX_LISTENERS
    eventually(lambda: session.read()["listenerCount"] == MAX_LISTENERS)
    eventually(lambda: speaker.notices and speaker.notices[-1]["listenerCount"] == MAX_LISTENERS)
    assert len(session.rows()) == MAX_LISTENERS + 1
    assert all(client.close_code is None for client in admitted)


def test_a_listener_that_disconnects_makes_room_for_another(
    session: Session, clients: WebSocketClients, local: System
):
    listeners = [session.listener() for _ in range(MAX_LISTENERS)]
    assert _refused(clients, local, sessionId=session.id, targetLanguage="es") == 503

    listeners[0].close()

    # First a count gives the place back, and then the container forgets that the session was full.
    eventually(lambda: session.read()["listenerCount"] == MAX_LISTENERS - 1)
    eventually(lambda: session.listener_if_admitted() is not None, interval_s=0.5)
    assert len(session.rows()) == MAX_LISTENERS
