"""Nothing private is in any log: read when all other tests of this tier have left their lines there.

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

from tests.support.eventually import eventually
from tests.support.websocket_clients import HandshakeRefused, websocket_clients
from tests.system.conftest import TIMEOUT_S, System
from tests.system.credentials import PASSWORD, Genuine, forge
from tests.system.security_matrix import ROUTES

CANARY = "kanarienvogel"
ADDRESS = "127.9.8.7"
EMAIL = f"{CANARY}@example.org"

DOORS = {
    *("create_session", "get_session", "list_sessions", "update_session", "delete_session", "health"),
    *("authorize_connection", "connect_session", "disconnect_session"),
}

# 127.0.0.1 is this machine's own servers, and the functions as moto sees them; clients have other addresses.
PRIVATE = {
    "a token": r"eyJ[\w-]{6,}",
    "an e-mail address": r"[\w.+-]+@[\w-]+\.[\w-]+",
    # What make run says to paste is an example of ours.
    "a field of a body": r"^(?! {4}-H ).*(?:(?:source|target)Language|qualityTier|speakerId|byLanguage)",
    "a client's address": r"(?!127\.0\.0\.1(?::\d| - - \[))(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?!\.?\d)",
    "a password": rf"{PASSWORD}|Known-to-everyone",
    "what somebody sent": CANARY,
}


class Leak(NamedTuple):
    """What must not be in a log, and where it is."""

    kind: str
    log: str
    line: str


def leaks(logs: list[Path], private: dict[str, str]) -> list[Leak]:
    """Find what is private in the logs."""
    return [
        Leak(kind, log.name, line)
        for log in logs
        for line in log.read_text(errors="replace").splitlines()
        for kind, pattern in private.items()
        if re.search(pattern, line)
    ]


@pytest.fixture(scope="module")
def private(system: System, genuine: Genuine, alice: str, bob: str) -> dict[str, str]:
    """Return what must be in no log as patterns: what is known beforehand, and this system's own secrets."""
    shown = (system.work / "terraform" / "terraform_state.json").read_text()
    keys = dict(re.findall(r'"([A-Z]+_KEY)":\s*"([^"]+)"', shown))
    assert set(keys) == {"ADDRESS_KEY", "CURSOR_KEY"}
    speakers = {
        str(jwt.decode(token, options={"verify_signature": False})["sub"])
        for token in (alice, bob, genuine.id, genuine.strangers)
    }
    return PRIVATE | {
        "a secret": "|".join(map(re.escape, keys.values())),
        "who a speaker is": "|".join(speakers),
    }


def written(tmp_path_factory: pytest.TempPathFactory, system: System) -> Iterator[Path]:
    """Yield the logs of every system of this run."""
    yield system.work / "said"
    for folder in {system.work / "logs", *tmp_path_factory.getbasetemp().glob("*/logs")}:
        yield from folder.iterdir()


def send_canaries(system: System, genuine: Genuine) -> None:
    """Send something to be known by in every place of a request, to every route."""
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
    for route in (route for route in ROUTES if route.split()[0].isupper()):
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
    """Do the same at the WebSocket API: a handshake that is refused, and a connection that says things."""
    before = disconnects(system)
    with websocket_clients(ADDRESS) as clients:
        for refused in ({"token": CANARY}, {"targetLanguage": CANARY}, {"sessionId": CANARY}):
            with pytest.raises(HandshakeRefused):
                clients.open(
                    system.running.websocket_url,
                    {"Cookie": CANARY, "User-Agent": CANARY},
                    **{"sessionId": session_id, "targetLanguage": "es", **refused},
                )
        client = clients.open(system.running.websocket_url, sessionId=session_id, token=genuine.id)
        for message in (json.dumps({"action": CANARY}), CANARY):
            client.send(message)
        eventually(lambda: len(client.messages) == 2)
        client.close()
    eventually(lambda: disconnects(system) > before)


def disconnects(system: System) -> int:
    """Count the connections whose end is in the log; there is none before the first has ended."""
    logs = (system.work / "logs").glob("*disconnect_session.log")
    return sum(log.read_text().count("$disconnect 200") for log in logs)


@pytest.fixture(scope="module")
def session_id(system: System, genuine: Genuine) -> str:
    """Open a session whose body is not written anywhere either."""
    connection = http.client.HTTPConnection(urlsplit(system.url).netloc, timeout=TIMEOUT_S)
    connection.request(
        "POST", "/sessions", '{"sourceLanguage": "en"}', {"Authorization": f"Bearer {genuine.id}"}
    )
    found: dict[str, str] = json.loads(connection.getresponse().read())
    connection.close()
    return found["sessionId"]


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

    assert {"said", "access.log", "aws.log", "terraform.log"} <= {log.name for log in logs}
    assert {log.stem.removeprefix("session-service-local-") for log in logs} >= DOORS
    assert sum(len(log.read_text(errors="replace").splitlines()) for log in logs) > 200
    assert leaks(logs, private) == []


PLANTED = {
    "a token": lambda system, genuine: genuine.access,
    "an e-mail address": lambda system, genuine: EMAIL,
    "a field of a body": lambda system, genuine: '{"sourceLanguage": "en"}',
    "a client's address": lambda system, genuine: ADDRESS,
    "a password": lambda system, genuine: PASSWORD,
    "what somebody sent": lambda system, genuine: f"GET /sessions?{CANARY}",
    "a secret": lambda system, genuine: re.findall(
        r'"CURSOR_KEY":\s*"([^"]+)"', (system.work / "terraform" / "terraform_state.json").read_text()
    )[0],
    "who a speaker is": lambda system, genuine: str(
        jwt.decode(genuine.id, options={"verify_signature": False})["sub"]
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_is_planted_in_a_log_is_found(
    system: System, genuine: Genuine, private: dict[str, str], tmp_path: Path, kind: str
):
    log = tmp_path / "access.log"
    log.write_text((system.work / "logs" / "access.log").read_text())
    assert leaks([log], private) == []

    with log.open("a") as planted:
        planted.write(json.dumps({"message": f"of {PLANTED[kind](system, genuine)}."}) + "\n")

    assert kind in {leak.kind for leak in leaks([log], private)}
    assert set(PLANTED) == set(private)
