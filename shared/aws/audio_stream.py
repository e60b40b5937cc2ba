"""Amazon Kinesis Data Streams: the audio of all sessions, one record per chunk.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html
"""

import base64
import json
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from shared.aws import dynamodb
from shared.aws.errors import again_if_closed, translate_errors

if TYPE_CHECKING:
    from shared.audio.chunk import AudioChunk

# One try of at most 1 s: audio that is later than that is of no use, and the client may send it again.
DEFAULT_CONFIG = dynamodb.FAIL_FAST_CONFIG


def create_client(config: Config = DEFAULT_CONFIG) -> Any:
    """Return a client that tries once, for at most 1 s."""
    client = dynamodb.sdk_session().create_client("kinesis", config=config)
    client.meta.events.register("before-parse.kinesis", dynamodb.require_json)
    return client


class KinesisAudioStream:
    """The AudioStream on Kinesis. Raises ServiceUnavailable for temporary faults."""

    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream

    def put(self, chunk: "AudioChunk") -> None:
        """PutRecord. All chunks of a session have one partition key, so that one shard has all of them."""
        request = {
            "StreamName": self._stream,
            "PartitionKey": chunk.session.key,
            "Data": to_data(chunk),
        }
        with translate_errors():
            # A chunk that the stream then has twice is like one that the client has repeated.
            again_if_closed(self._client.put_record, **request)


def to_data(chunk: "AudioChunk") -> bytes:
    """Return a chunk as the record's data, JSON; docs/pipeline.md describes it."""
    fields: dict[str, str | int | None] = {
        "sessionId": chunk.session.id,
        "sessionCreatedAt": chunk.session.created_at,
        "sequence": chunk.sequence,
        "timestamp": chunk.timestamp,
        "audioData": base64.b64encode(chunk.audio).decode(),
    }
    present = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(present, separators=(",", ":")).encode()
