"""Floods by strangers: what they refuse to others, and what they do not.

The clock of both APIs is stopped during a flood, so no bucket fills up, however slow the machine is.
"""

import json
from collections.abc import Iterator

import pytest
import requests

from scripts.local.system import System
from tests.faults.in_process.conftest import TIMEOUT_S, Clock, Session
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient

HEARTBEAT = json.dumps({"action": "heartbeat"})
UNKNOWN = json.dumps({"action": "dance"})
THROTTLED = "Too Many Requests"


@pytest.fixture(autouse=True)
def _still_clock(clock: Clock, session: Session) -> Iterator[None]:
    """Fill every bucket, and stop the clock until the test ends; then fill them again."""
    clock.move_forward(60)
    with clock.stopped():
        yield
    clock.move_forward(60)


def burst(local: System, route: str) -> int:
    """Return how many requests or messages the route accepts at once."""
    http = {declared.key: declared.throttle for declared in local.config.http_api.routes}
    replies = {key: declared.throttle for key, declared in local.config.websocket_api.messages.items()}
    throttle = (http | replies)[route]
    assert throttle
    return int(throttle.burst)


def send_with_an_invalid_token(local: System, method: str, path: str, count: int) -> set[int]:
    """Send as many requests, and return their statuses."""
    with requests.Session() as stranger:
        stranger.headers["Authorization"] = "Bearer nonsense"
        return {
            stranger.request(method, f"{local.url}{path}", json={}, timeout=TIMEOUT_S).status_code
            for _ in range(count)
        }


def status(session: Session, method: str, path: str, body: object = None) -> int:
    """Send one request as the speaker, and return its status."""
    headers = {"Authorization": f"Bearer {session.token}"}
    url = f"{session.local.url}{path}"
    return requests.request(method, url, json=body, headers=headers, timeout=TIMEOUT_S).status_code


def flood(client: WebSocketClient, message: str, count: int) -> int:
    """Send a message as many times, and return how many answers say that it was throttled."""
    before = len(client.notices)
    for _ in range(count):
        client.send(message)
    eventually(lambda: len(client.notices) == before + count)
    return sum(answer.get("message") == THROTTLED for answer in client.notices[before:])


def heartbeat_is_answered(client: WebSocketClient) -> bool:
    """Send one heartbeat, wait for the answer, and return whether it was acknowledged."""
    before = len(client.notices)
    client.send(HEARTBEAT)
    eventually(lambda: len(client.notices) > before)
    return client.notices[before].get("type") == "heartbeatAck"


def disconnect_is_noticed(session: Session, client: WebSocketClient) -> bool:
    """Close a connection, and wait until its row is gone."""
    rows = len(session.rows())
    client.close()
    eventually(lambda: len(session.rows()) == rows - 1)
    return True


def create(session: Session) -> int:
    """Create a session as the speaker, and return the status."""
    return status(session, "POST", "/sessions", {"sourceLanguage": "en"})


def test_invalid_tokens_below_the_limit_refuse_no_speaker(local: System, session: Session):
    statuses = send_with_an_invalid_token(local, "POST", "/sessions", burst(local, "POST /sessions") - 1)

    assert statuses == {401}
    assert create(session) == 201
    # Without this the test would pass if invalid tokens did not count at all.
    assert create(session) == 429


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sessions"), ("PATCH", "/sessions/{sessionId}"), ("DELETE", "/sessions/{sessionId}")],
)
def test_invalid_tokens_at_one_route_refuse_nobody_at_another(
    local: System, session: Session, method: str, path: str
):
    flooded = path.replace("{sessionId}", session.id)
    statuses = send_with_an_invalid_token(local, method, flooded, burst(local, f"{method} {path}") + 1)

    assert statuses == {401, 429}
    assert create(session) == 201
    assert session.listener().close_code is None


def test_a_flood_of_health_checks_refuses_no_speaker(local: System, session: Session):
    with requests.Session() as stranger:
        statuses = [
            stranger.get(f"{local.url}/health", timeout=TIMEOUT_S).status_code
            for _ in range(burst(local, "GET /health") + 1)
        ]

    assert statuses[-1] == 429
    assert create(session) == 201


def test_heartbeats_of_one_socket_below_the_limit_refuse_nobodys(local: System, session: Session):
    attacker, listener = session.listener(), session.listener()

    throttled = flood(attacker, HEARTBEAT, burst(local, "heartbeat") - 1)

    assert throttled == 0
    assert heartbeat_is_answered(listener)
    # Without this the test would pass if heartbeats had no limit.
    assert not heartbeat_is_answered(listener)


def test_heartbeats_above_the_limit_refuse_heartbeats_only(local: System, session: Session):
    attacker, listener = session.listener(), session.listener()

    throttled = flood(attacker, HEARTBEAT, burst(local, "heartbeat") + 3)

    assert throttled == 3
    assert create(session) == 201
    assert session.listener().close_code is None
    assert disconnect_is_noticed(session, listener)
    assert attacker.close_code is None


def test_unknown_messages_refuse_unknown_messages_only(local: System, session: Session):
    attacker, listener = session.listener(), session.listener()

    throttled = flood(attacker, UNKNOWN, burst(local, "$default") + 3)

    assert throttled == 3
    assert heartbeat_is_answered(listener)
    assert create(session) == 201
    assert session.listener().close_code is None
    assert disconnect_is_noticed(session, listener)
