"""The audio stream: Kinesis and the stream in memory keep the same chunks."""

import base64
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from shared.audience.connection import SessionRef
from shared.audio.chunk import MAX_BYTES, MAX_SEQUENCE, MAX_TIMESTAMP, MIN_BYTES, AudioChunk
from shared.audio.ports import AudioStream
from shared.aws.audio_stream import KinesisAudioStream
from tests.support.audio import AUDIO_STREAM, a_chunk, pcm, records
from tests.support.memory_stores import MemoryAudioStream
from tests.support.sessions import NOW

Read = Callable[[], list[AudioChunk]]
BOUNDARIES = [
    a_chunk(sequence=1, timestamp=0, audio=pcm(MIN_BYTES)),
    a_chunk(sequence=MAX_SEQUENCE, timestamp=MAX_TIMESTAMP, audio=pcm(MAX_BYTES)),
    a_chunk(sequence=None, audio=bytes(100)),
    a_chunk(sequence=None, audio=b"\xff\xfe" * 50),
]


@pytest.fixture(params=["memory", "Kinesis"])
def stream_and_read(request: pytest.FixtureRequest) -> tuple[AudioStream, Read]:
    """Return an empty stream, and a way to read its chunks, which are in no order across sessions."""
    if request.param == "memory":
        memory = MemoryAudioStream()
        return memory, lambda: memory.chunks
    client = request.getfixturevalue("kinesis")
    return KinesisAudioStream(client, AUDIO_STREAM), lambda: list(map(_chunk, records(client)))


def _chunk(record: dict[str, Any]) -> AudioChunk:
    """Read a record as docs/pipeline.md describes it."""
    fields = json.loads(record["Data"])
    return AudioChunk(
        session=SessionRef(fields["sessionId"], fields["sessionCreatedAt"]),
        sequence=fields.get("sequence"),
        timestamp=fields["timestamp"],
        audio=base64.b64decode(fields["audioData"], validate=True),
    )


def test_every_chunk_is_kept_as_it_was_put(stream_and_read: tuple[AudioStream, Read]):
    stream, read = stream_and_read

    for chunk in BOUNDARIES:
        stream.put(chunk)

    assert read() == BOUNDARIES


def test_a_chunk_that_is_put_twice_is_there_twice(stream_and_read: tuple[AudioStream, Read]):
    stream, read = stream_and_read

    for _ in range(2):
        stream.put(a_chunk())

    assert read() == [a_chunk()] * 2


def test_the_chunks_of_many_sessions_do_not_mix(stream_and_read: tuple[AudioStream, Read]):
    stream, read = stream_and_read
    sessions = [SessionRef(f"holy-psalm-{number}", NOW) for number in range(100, 110)]
    # Another session that has the id of the first.
    sessions.append(SessionRef("holy-psalm-100", NOW + 1))

    for sequence in range(1, 4):
        for session in sessions:
            stream.put(a_chunk(session=session, sequence=sequence))

    for session in sessions:
        assert [chunk.sequence for chunk in read() if chunk.session == session] == [1, 2, 3]


def test_all_chunks_of_a_session_are_in_one_shard(kinesis: Any):
    stream = KinesisAudioStream(kinesis, AUDIO_STREAM)
    sessions = [SessionRef(f"holy-psalm-{number}", NOW) for number in range(100, 120)]

    for sequence in range(1, 4):
        for session in sessions:
            stream.put(a_chunk(session=session, sequence=sequence))

    shards = Counter((record["PartitionKey"], record["ShardId"]) for record in records(kinesis))
    assert sorted(shards.values()) == [3] * len(sessions)
    assert len({shard for _, shard in shards}) > 1
