"""Measure how long chunks of audio take: from audioChunk to audioAccepted, on the local system.

python -m tests.stress.audio [--chunks 1000] [--record]

Three speakers send a chunk of a browser, 8,192 bytes, four times a second each. Exits with 1 if the target is
missed.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from scripts.command_line import report_progress
from scripts.local.system import System
from tests.stress import results
from tests.stress.captions.__main__ import create
from tests.stress.scale.model import percentile
from tests.support.audio import base64_of, pcm
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient, websocket_clients

SPEAKERS = 3
CHUNKS_PER_SECOND = 12
"""Of all speakers together."""
CHUNK_BYTES = 8192
WARM_UP = 30
"""Chunks that are not counted: they start functions."""
P95_S = 0.1
"""The target."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.audio", description=__doc__)
    parser.add_argument("--chunks", type=int, default=1000, help="of all speakers together")
    parser.add_argument("--record", action="store_true", help="write what docs/reliability.md quotes")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as work,
        System(
            work=Path(work),
            dist=Path(work) / "dist",
            settings={"audio_stream": "true"},
            progress=report_progress,
        ) as running,
    ):
        report_progress(f"{options.chunks} chunks, {CHUNKS_PER_SECOND} a second")
        seconds = sorted(measure(running, options.chunks))
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    table = results.Table(
        ("chunks", *(f"{name} ms" for name in shares)),
        [(len(seconds), *(f"{1000 * percentile(seconds, share):.0f}" for share in shares.values()))],
    )
    print(f"\n{results.machine()}\n\n{table}\n")
    p95 = percentile(seconds, 0.95)
    summary = (
        f"{len(seconds)} chunks of {CHUNK_BYTES} bytes, {CHUNKS_PER_SECOND} a second from {SPEAKERS} "
        f"speakers, on one machine with the whole system: accepted within "
        f"{1000 * percentile(seconds, 0.5):.0f} ms (p50) and {1000 * p95:.0f} ms (p95; at most "
        f"{1000 * P95_S:.0f} ms)."
    )
    print(summary)
    if p95 > P95_S:
        print(f"  Target missed: p95 {1000 * p95:.0f} ms")
    if options.record:
        results.record("audio", summary, {"last_run": table})
    return int(p95 > P95_S)


def measure(running: System, chunks: int) -> list[float]:
    """Send chunks at a fixed rate, and return after how many seconds each was accepted."""
    audio = base64_of(pcm(CHUNK_BYTES))
    sent_at: dict[int, float] = {}
    with websocket_clients() as clients:
        speakers = []
        for _ in range(SPEAKERS):
            session_id, token = create(running)
            speakers.append(clients.open(running.websocket_url, sessionId=session_id, token=token))
        for speaker in speakers:
            eventually(lambda: any(one["type"] == "sessionJoined" for one in speaker.messages))  # noqa: B023
        began = time.monotonic()
        for number in range(1, WARM_UP + chunks + 1):
            time.sleep(max(0.0, began + number / CHUNKS_PER_SECOND - time.monotonic()))
            sent_at[number] = time.monotonic()
            message = {"audioData": audio, "timestamp": int(time.time() * 1000), "sequence": number}
            speakers[number % SPEAKERS].send(json.dumps({"action": "audioChunk", **message}))
        eventually(lambda: sum(len(answers(speaker)) for speaker in speakers) == len(sent_at))
        accepted_at = {number: at for speaker in speakers for number, at in answers(speaker).items()}
    return [accepted_at[number] - at for number, at in sent_at.items() if number > WARM_UP]


def answers(speaker: WebSocketClient) -> dict[int, float]:
    """Return when each chunk was accepted, in monotonic seconds, by sequence. Raises RuntimeError."""
    found = {}
    for text, at in zip(speaker.texts, speaker.received_at, strict=False):
        message = json.loads(text)
        if message.get("type") == "audioAccepted":
            found[message["sequence"]] = at
        elif message.get("type") in ("error", None):
            raise RuntimeError(f"a chunk was refused: {message}")
    return found


if __name__ == "__main__":
    sys.exit(main())
