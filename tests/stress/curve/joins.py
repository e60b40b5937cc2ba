"""How the latency of a join depends on the audience: one session of the local system fills up."""

import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import requests

from scripts.command_line import report_progress
from scripts.local.system import System
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient, websocket_clients

JOINS, AT_ONCE = 490, 20
"""Listeners of one session, which has 500 places."""

EARLY, LATE = slice(20, 120), slice(390, 490)
MAX_RATIO = 1.2
TIMEOUT_S = 30


class JoinCurve(NamedTuple):
    """The median latencies, in milliseconds, of the joins with few and with many listeners before them."""

    early_ms: float
    late_ms: float

    @property
    def ratio(self) -> float:
        """How many times longer a join takes with many listeners."""
        return self.late_ms / self.early_ms


def measure(joins: int = JOINS) -> list[float]:
    """Start the local system; return the latency in milliseconds of each join, the first one first."""
    with (
        tempfile.TemporaryDirectory() as work,
        System(work=Path(work), dist=Path(work) / "dist", progress=report_progress) as running,
        websocket_clients() as clients,
        ThreadPoolExecutor(AT_ONCE) as phones,
    ):
        created = requests.post(
            f"{running.url}/sessions",
            json={"sourceLanguage": "en"},
            headers={"Authorization": f"Bearer {running.token('speaker')}"},
            timeout=TIMEOUT_S,
        )
        session_id = created.json()["sessionId"]

        def join(_: int) -> tuple[WebSocketClient, float]:
            began = time.monotonic()
            client = clients.open(running.websocket_url, sessionId=session_id, targetLanguage="es")
            return client, (time.monotonic() - began) * 1000

        report_progress(f"Joining a session {joins} times, {AT_ONCE} at a time")
        joined = list(phones.map(join, range(joins)))
        for client, _ in joined:
            client.close()
        session_url = f"{running.url}/sessions/{session_id}"
        eventually(lambda: requests.get(session_url, timeout=TIMEOUT_S).json().get("listenerCount") == 0)
        return [latency_ms for _, latency_ms in joined]


def curve(latencies_ms: Sequence[float]) -> JoinCurve:
    """Return the medians of the early and the late joins."""
    return JoinCurve(statistics.median(latencies_ms[EARLY]), statistics.median(latencies_ms[LATE]))
