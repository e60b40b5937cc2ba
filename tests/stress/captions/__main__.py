"""Measure how long captions take: from publishCaption to the message at each listener of the local system.

python -m tests.stress.captions [--captions 10] [--record]

Sessions of 100, 250 and 500 listeners in five languages, one of which is the speaker's. The stand-in for
Amazon Translate answers at once. The whole system and all clients share this machine. A caption is published
when all listeners have the one before. Exits with 1 if a target is missed.
"""

import argparse
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import requests

from scripts import local_system
from scripts.command_line import report_progress
from scripts.local.aws.translate import TextToTranslate
from scripts.local.system import System
from tests.stress import results
from tests.stress.scale.model import percentile
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient, WebSocketClients, websocket_clients

AUDIENCES = (100, 250, 500)
SOURCE = "en"
LANGUAGES = (SOURCE, "es", "fr", "de", "pt")
P50_S = 1.0
"""The target for the largest audience."""

OPENED_AT_ONCE, CLOSED_AT_ONCE = 20, 50
FUNCTION = "session-service-local-translate_captions"
TIMEOUT_S = 30


class Measured(NamedTuple):
    """The seconds until each listener had each caption, by caption, and the calls of Translate by caption."""

    listeners: int
    seconds: list[list[float]]
    translations: list[int]

    def percentile(self, share: float) -> float:
        """Return the seconds within which this share of the messages arrived."""
        return percentile([each for caption in self.seconds for each in caption], share)

    @property
    def last_s(self) -> float:
        """The median of the seconds after which the last listener had a caption."""
        return statistics.median(max(caption) for caption in self.seconds)

    @property
    def best_s(self) -> float:
        """The same of the fastest caption, which other processes have delayed least."""
        return min(max(caption) for caption in self.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.captions", description=__doc__)
    parser.add_argument("--captions", type=int, default=10, help="of each session, after the first one")
    parser.add_argument("--record", action="store_true", help="write what docs/reliability.md quotes")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as work,
        System(work=Path(work), dist=Path(work) / "dist", progress=report_progress) as running,
    ):
        measured = [measure(running, listeners, options.captions) for listeners in AUDIENCES]
    table = results.Table(
        ("listeners", "p50 s", "p95 s", "last listener s", "at best", "calls of Translate"),
        [
            (
                f"{each.listeners}",
                f"{each.percentile(0.5):.2f}",
                f"{each.percentile(0.95):.2f}",
                f"{each.last_s:.2f}",
                f"{each.best_s:.2f}",
                f"{sum(each.translations)} for {len(each.translations)} captions",
            )
            for each in measured
        ],
    )
    print(f"\n{results.machine()}\n\n{table}\n")
    largest = measured[-1]
    summary = (
        f"From publishCaption to the message at {largest.listeners} listeners of {len(LANGUAGES)} languages, "
        f"on one machine with the whole system: p50 {largest.percentile(0.5):.2f} s (at most {P50_S:g} s), "
        f"p95 {largest.percentile(0.95):.2f} s. The last listener of "
        f"{', '.join(str(each.listeners) for each in measured)} has a caption after "
        f"{', '.join(f'{each.last_s:.2f} s' for each in measured)}. {max(largest.translations)} calls of "
        "Translate for each caption."
    )
    print(summary)
    missed = misses(measured)
    for miss in missed:
        print(f"  Target missed: {miss}")
    if options.record:
        results.record("captions", summary, {"last_run": table})
    return int(bool(missed))


def misses(measured: list[Measured]) -> list[str]:
    """Return which targets the audiences, from the smallest to the largest, have missed."""
    missed = []
    if (p50 := measured[-1].percentile(0.5)) > P50_S:
        missed.append(f"p50 {p50:.2f} s with {measured[-1].listeners} listeners")
    for smaller, larger in itertools.pairwise(measured):
        # With a fixed part besides that of each listener, the time grows less than the audience.
        if larger.best_s / smaller.best_s > larger.listeners / smaller.listeners:
            missed.append(f"more than linear from {smaller.listeners} to {larger.listeners} listeners")
    calls = {calls for each in measured for calls in each.translations}
    if calls != {len(LANGUAGES) - 1}:
        missed.append(f"{sorted(calls)} calls of Translate for a caption")
    return missed


def measure(running: System, listeners: int, captions: int) -> Measured:
    """Publish captions to an audience. The first one, which starts functions, is not counted."""
    report_progress(f"{listeners} listeners, {captions} captions")
    translated = Counter[str]()

    def count_translation(request: TextToTranslate) -> None:
        translated[request.text] += 1

    running.translate.fault = count_translation
    with websocket_clients() as clients:
        session_id, token = create(running)
        speaker = clients.open(running.websocket_url, sessionId=session_id, token=token)
        audience = join(running, clients, session_id, listeners)
        texts = [f"Blessed are the peacemakers, in sentence {number}." for number in range(1, captions + 2)]
        seconds = [publish(speaker, audience, sequence, text) for sequence, text in enumerate(texts, start=1)]
        leave(running, session_id, [speaker, *(client for client, _ in audience)])
    return Measured(listeners, seconds[1:], [translated[text] for text in texts[1:]])


def create(running: System) -> tuple[str, str]:
    """Create a session; return its id and its speaker's token."""
    token = running.token("speaker")
    response = requests.post(
        f"{running.url}/sessions",
        json={"sourceLanguage": SOURCE},
        headers={"Authorization": f"Bearer {token}"},
        timeout=TIMEOUT_S,
    )
    response.raise_for_status()
    return str(response.json()["sessionId"]), token


def join(
    running: System, clients: WebSocketClients, session_id: str, listeners: int
) -> list[tuple[WebSocketClient, str]]:
    """Connect listeners of all languages, and wait until each has been sent the last captions."""
    languages = [LANGUAGES[number % len(LANGUAGES)] for number in range(listeners)]
    queries = [{"sessionId": session_id, "targetLanguage": language} for language in languages]
    opened = clients.open_all(running.websocket_url, queries, at_once=OPENED_AT_ONCE)
    if refused := Counter(status for status in opened if isinstance(status, int)):
        raise RuntimeError(f"handshakes were refused: {dict(refused)}")
    joined = [client for client in opened if isinstance(client, WebSocketClient)]
    for client in joined:
        eventually(lambda: any(one["type"] == "captions" for one in client.messages))  # noqa: B023
    return list(zip(joined, languages, strict=True))


def publish(
    speaker: WebSocketClient, audience: list[tuple[WebSocketClient, str]], sequence: int, text: str
) -> list[float]:
    """Publish a caption, and return after how many seconds each listener had it, in its language."""
    published_at = time.monotonic()
    speaker.send(json.dumps({"action": "publishCaption", "sequence": sequence, "text": text}))
    seconds = []
    for client, language in audience:
        eventually(lambda: arrivals(client, sequence))  # noqa: B023
        (message, received_at), *again = arrivals(client, sequence)
        expected = (language, text if language == SOURCE else f"[{language}] {text}", language != SOURCE)
        if again or (message["language"], message["text"], message["translated"]) != expected:
            raise RuntimeError(f"a listener of {language} received {message}, {len(again)} more times")
        seconds.append(received_at - published_at)
    return seconds


def leave(running: System, session_id: str, clients: list[WebSocketClient]) -> None:
    """Close the connections, and wait until their rows are gone: they must not delay the next audience."""
    dynamodb = local_system.aws_client("dynamodb", running.aws.url)
    table = running.config.functions[FUNCTION].environment["CONNECTIONS_TABLE"]

    def rows() -> int:
        count: int = dynamodb.query(
            TableName=table,
            KeyConditionExpression="sessionId = :id",
            ExpressionAttributeValues={":id": {"S": session_id}},
            Select="COUNT",
        )["Count"]
        return count

    for first in range(0, len(clients), CLOSED_AT_ONCE):
        for client in clients[first : first + CLOSED_AT_ONCE]:
            client.close()
        eventually(lambda: rows() <= max(0, len(clients) - first - CLOSED_AT_ONCE))  # noqa: B023


def arrivals(client: WebSocketClient, sequence: int) -> list[tuple[dict[str, object], float]]:
    """Return each message with the caption, and the monotonic seconds of its arrival."""
    received = zip(map(json.loads, client.texts), client.received_at, strict=False)
    return [
        (message, at)
        for message, at in received
        if message["type"] == "caption" and message["sequence"] == sequence
    ]


if __name__ == "__main__":
    sys.exit(main())
