"""Nothing private is in any log, after all other tests of this tier have written to them.

The logs are those of every function, the access log, the local AWS, Terraform and the system itself, of every
system that this run has started.
"""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import jwt
import pytest

from scripts.docs.security_matrix import HTTP_AND_HANDSHAKES
from tests.support.eventually import eventually
from tests.support.voice_counts import counted
from tests.support.websocket_clients import HandshakeRefused, WebSocketClient, websocket_clients
from tests.system.conftest import OUTPUT, TIMEOUT_S, System
from tests.system.credentials import PASSWORD, Genuine, forge

CANARY = "kanarienvogel"
ADDRESS = "127.9.8.7"
EMAIL = f"{CANARY}@example.org"

FUNCTIONS_OF_APIS = {
    *("create_session", "get_session", "list_sessions", "update_session", "delete_session", "health"),
    *("authorize_connection", "connect_session", "disconnect_session"),
    *("publish_caption", "join_session", "change_language", "list_captions"),
    *("translate_captions", "connection_admitted", "speak_captions"),
}
# What is said, and fields that are not valid. The first is published, translated, spoken and heard.
MESSAGES = (
    {"action": "publishCaption", "sequence": 1, "text": f"The word {CANARY}"},
    {"action": "publishCaption", "sequence": CANARY, "text": f"{CANARY}\0", "spokenAt": CANARY},
    {"action": "publishCaption", "sequence": 1, "text": f"Other words {CANARY}"},
    {"action": "publishCaption", "sequence": 2, "text": CANARY, "sessionId": CANARY},
    {"action": "changeLanguage", "targetLanguage": CANARY},
    {"action": "joinSession", "sessionId": CANARY},
    {"action": CANARY},
)

# 127.0.0.1 is this machine's own servers, and the functions as moto sees them; clients have other addresses.
PRIVATE = {
    "a token": r"eyJ[\w-]{6,}",
    "an e-mail address": r"[\w.+-]+@[\w-]+\.[\w-]+",
    "a field of a body": r"(?:(?:source|target)Language|qualityTier|speakerId|byLanguage)",
    "a client's address": r"(?!127\.0\.0\.1(?::\d| - - \[))(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)",
    # make run prints the password of the demo speakers, once, for frontends that sign in.
    "a password": rf"{PASSWORD}|^(?!  Sign-in ).*Known-to-everyone",
    "a value that a client sent": CANARY,
}


class Leak(NamedTuple):
    """A private value in a log."""

    kind: str
    log: str
    line: str


def leaks(logs: list[Path], private: dict[str, str]) -> list[Leak]:
    """Find private values in logs."""
    return [
        Leak(kind, log.name, line)
        for log in logs
        for line in log.read_text(errors="replace").splitlines()
        for kind, pattern in private.items()
        if re.search(pattern, line)
    ]


@pytest.fixture(scope="module")
def private(system: System, genuine: Genuine, alice: str, bob: str) -> dict[str, str]:
    """Return patterns of values that must be in no log, the secrets of this system included."""
    shown = (system.work / "terraform" / "terraform_state.json").read_text()
    keys = dict(re.findall(r'"([A-Z]+_KEY(?:_[A-Z]+)?)":\s*"([^"]+)"', shown))
    assert set(keys) == {"ADDRESS_KEY", "CURSOR_KEY", "CURSOR_KEY_PREVIOUS", "CURSOR_KEY_NEXT"}
    speakers = {
        str(jwt.decode(token, options={"verify_signature": False})["sub"])
        for token in (alice, bob, genuine.id, genuine.strangers)
    }
    return PRIVATE | {
        "a secret": "|".join(map(re.escape, keys.values())),
        "the id of a speaker": "|".join(speakers),
    }


def written(tmp_path_factory: pytest.TempPathFactory, system: System) -> Iterator[Path]:
    """Yield the logs of every system of this run."""
    yield system.work / OUTPUT
    for folder in {system.work / "logs", *tmp_path_factory.getbasetemp().glob("*/logs")}:
        yield from folder.iterdir()


def send_canaries(system: System, genuine: Genuine) -> None:
    """Send a known value in every part of a request, to every route."""
    sent = {
        "Content-Type": f"application/json; x={CANARY}",
        "Cookie": CANARY,
        "Forwarded": f"for={ADDRESS}",
        "Idempotency-Key": CANARY,
        "If-Match": f'"{CANARY}"',
        "If-None-Match": f'"{CANARY}"',
        "Referer": CANARY,
        "User-Agent": CANARY,
        "X-Forwarded-For": ADDRESS,
        "traceparent": CANARY,
    }
    tokens = (f"Bearer {forge(genuine.id, email=EMAIL)}", f"Bearer {genuine.strangers}{CANARY}", CANARY)
    bodies = ({"sourceLanguage": CANARY, CANARY: CANARY}, {"sourceLanguage": "en", "status": "paused"})
    for route in (route for route in HTTP_AND_HANDSHAKES if route.split()[0].isupper()):
        method, _, path = route.partition(" ")
        for token in tokens:
            for body in bodies:
                connection = http.client.HTTPConnection(
                    urlsplit(system.url).netloc, timeout=TIMEOUT_S, source_address=(ADDRESS, 0)
                )
                target = path.replace("{sessionId}", f"holy-psalm-{CANARY}") + f"?{CANARY}={CANARY}"
                connection.request(method, target, json.dumps(body), {**sent, "Authorization": token})
                assert connection.getresponse().status < 500
                connection.close()


def send_canaries_over_sockets(system: System, genuine: Genuine, session_id: str) -> None:
    """Do the same at the WebSocket API, with handshakes that are refused and with messages."""
    before = disconnects(system)
    with websocket_clients(ADDRESS) as clients:
        for refused in ({"token": CANARY}, {"targetLanguage": CANARY}, {"sessionId": CANARY}):
            with pytest.raises(HandshakeRefused):
                clients.open(
                    system.running.websocket_url,
                    {"Cookie": CANARY, "User-Agent": CANARY},
                    **{"sessionId": session_id, "targetLanguage": "es", **refused},
                )
        url = system.running.websocket_url
        protocols = ("sessions.v1", f"bearer.{genuine.strangers}{CANARY}")
        with pytest.raises(HandshakeRefused):
            clients.open(url, protocols=protocols, sessionId=session_id)
        listener = clients.open(url, sessionId=session_id, targetLanguage="es")
        client = clients.open(url, protocols=("sessions.v1", f"bearer.{genuine.id}"), sessionId=session_id)
        eventually(lambda: len(listener.messages) == 2)  # the welcome
        for answers, message in enumerate((*map(json.dumps, MESSAGES), CANARY)):
            client.send(message)
            eventually(lambda: len({*client.types()} & {"captionPublished"}) + errors(client) > answers)  # noqa: B023  # within this round
        eventually(lambda: "caption" in listener.types() and counted(system.work))
        heard = [one["text"] for one in listener.notices if one["type"] == "caption"]
        assert heard == [f"[es] The word {CANARY}"]
        for message in MESSAGES[:2]:
            listener.send(json.dumps(message))
        eventually(lambda: errors(listener) == 2)
        client.close()
    eventually(lambda: disconnects(system) > before)


def errors(client: WebSocketClient) -> int:
    """Count the messages of a client that were refused."""
    return client.types().count("error")


def disconnects(system: System) -> int:
    """Count the connections whose $disconnect is in the log."""
    logs = (system.work / "logs").glob("*disconnect_session.log")
    return sum(log.read_text().count("$disconnect 200") for log in logs)


@pytest.fixture(scope="module")
def session_id(system: System, genuine: Genuine) -> str:
    """Create a session without writing its body to any log."""
    connection = http.client.HTTPConnection(urlsplit(system.url).netloc, timeout=TIMEOUT_S)
    connection.request(
        "POST",
        "/sessions",
        '{"sourceLanguage": "en", "qualityTier": "premium"}',
        {"Authorization": f"Bearer {genuine.id}"},
    )
    session: dict[str, str] = json.loads(connection.getresponse().read())
    connection.close()
    return session["sessionId"]


def test_nothing_private_is_in_any_log_of_any_system(
    system: System,
    genuine: Genuine,
    session_id: str,
    private: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
):
    send_canaries(system, genuine)
    send_canaries_over_sockets(system, genuine, session_id)

    logs = list(written(tmp_path_factory, system))

    assert {OUTPUT, "access.log", "aws.log", "terraform.log"} <= {log.name for log in logs}
    assert {log.stem.removeprefix("session-service-local-") for log in logs} >= FUNCTIONS_OF_APIS
    assert sum(len(log.read_text(errors="replace").splitlines()) for log in logs) > 200
    assert leaks(logs, private) == []


EXAMPLES = {
    "a token": lambda system, genuine: genuine.access,
    "an e-mail address": lambda system, genuine: EMAIL,
    "a field of a body": lambda system, genuine: '{"sourceLanguage": "en"}',
    "a client's address": lambda system, genuine: ADDRESS,
    "a password": lambda system, genuine: PASSWORD,
    "a value that a client sent": lambda system, genuine: f"GET /sessions?{CANARY}",
    "a secret": lambda system, genuine: re.findall(
        r'"CURSOR_KEY":\s*"([^"]+)"', (system.work / "terraform" / "terraform_state.json").read_text()
    )[0],
    "the id of a speaker": lambda system, genuine: str(
        jwt.decode(genuine.id, options={"verify_signature": False})["sub"]
    ),
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_private_value_in_a_log_is_found(
    system: System, genuine: Genuine, private: dict[str, str], tmp_path: Path, kind: str
):
    log = tmp_path / "access.log"
    log.write_text((system.work / "logs" / "access.log").read_text())
    assert leaks([log], private) == []

    with log.open("a") as planted:
        planted.write(json.dumps({"message": f"of {EXAMPLES[kind](system, genuine)}."}) + "\n")

    assert kind in {leak.kind for leak in leaks([log], private)}
    assert set(EXAMPLES) == set(private)
