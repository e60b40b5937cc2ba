"""Measure how long the end of a stranger's session waits behind a speaker who changes another all the time.

python -m tests.stress.attacks [--patches 260] [--listeners 40] [--strangers 5] [--record]

Runs the local system with its throttles. Each stranger's records are in the same lane of the stream as the
attacker's. Exits with 1 if a stranger's listener waited longer than MAX_DELAY_S.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from pathlib import Path

import requests

from scripts import local_system
from scripts.command_line import report_progress
from scripts.local.system import System
from tests.stress import results
from tests.support.eventually import eventually
from tests.support.stream_lanes import other_ids_in_lane
from tests.support.websocket_clients import WebSocketClient, WebSocketClients, websocket_clients

MAX_DELAY_S = 1.0
TIMEOUT_S = 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.attacks", description=__doc__)
    parser.add_argument("--patches", type=int, default=260, help="changes of the attacker's session")
    parser.add_argument("--listeners", type=int, default=40, help="listeners of the attacker's session")
    parser.add_argument("--strangers", type=int, default=5, help="sessions that end in the meantime")
    parser.add_argument("--record", action="store_true", help="write tests/stress/attacks/last_run.csv")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as work,
        System(work=Path(work), dist=Path(work) / "dist", progress=report_progress) as running,
        websocket_clients() as clients,
    ):
        attack = Attack(running, clients)
        listeners = [attack.listen(attack.session_id) for _ in range(options.listeners)]
        quiet = attack.ends(options.strangers)
        report_progress(f"Changing a session {options.patches} times")
        loop = threading.Thread(target=attack.change, args=(options.patches,))
        loop.start()
        beside = attack.ends(options.strangers)
        still_changing = loop.is_alive()
        loop.join()
        eventually(lambda: all(attack.is_current(listener) for listener in listeners))
        messages = sum(len(listener.messages) for listener in listeners)
        for listener in listeners:
            listener.close()
        eventually(lambda: not attack.connections())
    table = results.Table(
        ("a stranger's sessionEnded", "median s", "longest s"),
        [
            ("without the changes", f"{sorted(quiet)[len(quiet) // 2]:.2f}", f"{max(quiet):.2f}"),
            ("beside the changes", f"{sorted(beside)[len(beside) // 2]:.2f}", f"{max(beside):.2f}"),
        ],
    )
    print(f"\n{results.machine()}\n\n{table}\n")
    summary = (
        f"{options.patches} changes of a session with {options.listeners} listeners in "
        f"{attack.seconds:.1f} s: {messages:,} messages instead of {options.patches * options.listeners:,}. "
        f"The end of a stranger's session in the same lane reached its listener after {max(beside):.2f} s at "
        f"most (without the changes {max(quiet):.2f} s; the limit is {MAX_DELAY_S:.0f} s)."
    )
    print(summary)
    if not still_changing:
        print("The changes were over before the last stranger's end: use more of them.")
    if options.record:
        results.record("attacks", summary, {"last_run": table})
    return int(max(beside) > MAX_DELAY_S or not still_changing)


class Attack:
    """A speaker who changes one session, and strangers whose sessions end."""

    def __init__(self, running: System, clients: WebSocketClients) -> None:
        self._running = running
        self._clients = clients
        self._dynamodb = local_system.aws_client("dynamodb", running.aws.url)
        settings = running.config.functions["session-service-local-session_changed"].environment
        self._table, self._connections_table = settings["SESSIONS_TABLE"], settings["CONNECTIONS_TABLE"]
        self._tokens = {name: running.token(name) for name in ("attacker", "stranger")}
        self.session_id = self._create("attacker")
        self._ids_in_lane = other_ids_in_lane(running, self.session_id)
        self.seconds = 0.0
        self._version = 0

    def listen(self, session_id: str) -> WebSocketClient:
        return self._clients.open(self._running.websocket_url, sessionId=session_id, targetLanguage="es")

    def change(self, times: int) -> None:
        """Pause and resume the session, as fast as the throttle allows."""
        began = time.monotonic()
        for status in itertools.islice(itertools.cycle(("paused", "active")), times):
            while self._call("PATCH", f"/sessions/{self.session_id}", "attacker", status=status) == 429:
                time.sleep(0.01)
        self.seconds = time.monotonic() - began
        self._version = int(self._row(self.session_id)["version"]["N"])

    def is_current(self, listener: WebSocketClient) -> bool:
        """Return whether the last message of a listener has the session's version."""
        return bool(listener.messages) and listener.messages[-1].get("version") == self._version

    def ends(self, strangers: int) -> list[float]:
        """End sessions, one after the other; return the seconds until the listener of each was notified."""
        delays = []
        for _ in range(strangers):
            session_id = next(self._ids_in_lane)
            row = {**self._row(self._create("stranger")), "sessionId": {"S": session_id}}
            self._dynamodb.put_item(TableName=self._table, Item=row)
            listener = self.listen(session_id)
            while self._call("DELETE", f"/sessions/{session_id}", "stranger") == 429:
                time.sleep(0.01)
            ended = time.monotonic()
            eventually(lambda: listener.closed)  # noqa: B023
            delays.append(max(0.0, listener.received_at[-1] - ended))
        return delays

    def connections(self) -> int:
        """Return how many rows of connections the session has."""
        count: int = self._dynamodb.query(
            TableName=self._connections_table,
            KeyConditionExpression="sessionId = :id",
            ExpressionAttributeValues={":id": {"S": self.session_id}},
        )["Count"]
        return count

    def _create(self, speaker: str) -> str:
        response = requests.post(
            f"{self._running.url}/sessions",
            json={"sourceLanguage": "en"},
            headers={"Authorization": f"Bearer {self._tokens[speaker]}"},
            timeout=TIMEOUT_S,
        )
        return str(response.json()["sessionId"])

    def _row(self, session_id: str) -> dict[str, dict[str, str]]:
        key = {"sessionId": {"S": session_id}}
        item: dict[str, dict[str, str]] = self._dynamodb.get_item(TableName=self._table, Key=key)["Item"]
        return item

    def _call(self, method: str, path: str, speaker: str, **body: str) -> int:
        headers = {"Authorization": f"Bearer {self._tokens[speaker]}"}
        url = self._running.url + path
        return requests.request(
            method, url, json=body or None, headers=headers, timeout=TIMEOUT_S
        ).status_code


if __name__ == "__main__":
    sys.exit(main())
