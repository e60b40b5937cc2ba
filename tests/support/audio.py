"""Chunks of audio to start a test from, and the audio stream in moto."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.audience.connection import SessionRef
from shared.audio.chunk import AudioChunk
from tests.support.sessions import NOW

AUDIO_STREAM = "audio"


def pcm(size: int = 8192, seed: int = 1) -> bytes:
    """Return so many bytes that differ by seed."""
    return bytes((seed + place * 7) % 251 for place in range(size))


def base64_of(audio: bytes) -> str:
    """Return audio as clients send it."""
    return base64.b64encode(audio).decode()


def a_chunk(**overrides: Any) -> AudioChunk:
    """Return a chunk of `a_session()` of 256 ms, sent at NOW, with these fields replaced."""
    fields: dict[str, Any] = {
        "session": SessionRef("blessed-shepherd-427", NOW),
        "sequence": 1,
        "timestamp": NOW,
        "audio": pcm(),
    }
    return AudioChunk(**fields | overrides)


def create_stream(client: Any) -> None:
    """Create the stream."""
    client.create_stream(StreamName=AUDIO_STREAM, ShardCount=4)


def records(client: Any, stream: str = AUDIO_STREAM) -> list[dict[str, Any]]:
    """Return all records of the stream as Kinesis returns them, with `ShardId`."""
    return [
        {**record, "ShardId": shard["ShardId"]}
        for shard in client.list_shards(StreamName=stream)["Shards"]
        for record in _records_of_shard(client, stream, shard["ShardId"])
    ]


def data(client: Any, stream: str = AUDIO_STREAM) -> list[dict[str, Any]]:
    """Return the data of all records of the stream, decoded."""
    return [json.loads(record["Data"]) for record in records(client, stream)]


@contextmanager
def recorded_operations(client: Any) -> Iterator[list[str]]:
    """List the operations that the client calls in the meantime."""
    operations: list[str] = []

    def append(model: Any, **_: Any) -> None:
        operations.append(model.name)

    event = "before-call.kinesis"
    client.meta.events.register(event, append)
    try:
        yield operations
    finally:
        client.meta.events.unregister(event, append)


def _records_of_shard(client: Any, stream: str, shard: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    iterator = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")[
        "ShardIterator"
    ]
    while page := (answer := client.get_records(ShardIterator=iterator))["Records"]:
        found += page
        iterator = answer["NextShardIterator"]
    return found
