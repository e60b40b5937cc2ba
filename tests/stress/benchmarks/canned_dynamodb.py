"""A DynamoDB and a Kinesis that answer each call at once and count calls: their caller is measured."""

import collections
import json
import time

from tests.stress.benchmarks.servers import Handler, LocalServer

SESSION_ID = "pure-hope-123"
SPEAKER = "11111111-2222-4333-8444-555555555555"


def _row() -> dict[str, dict[str, str]]:
    now = time.time_ns() // 1_000_000
    return {
        "sessionId": {"S": SESSION_ID},
        "speakerId": {"S": SPEAKER},
        "sourceLanguage": {"S": "en"},
        "qualityTier": {"S": "standard"},
        "status": {"S": "active"},
        "listenerCount": {"N": "0"},
        "maxListeners": {"N": "500"},
        "createdAt": {"N": str(now)},
        "updatedAt": {"N": str(now)},
        "expiresAt": {"N": str(now // 1000 + 86_400)},
        "version": {"N": "1"},
    }


class CannedDynamoDB(LocalServer):
    """Listens on `url` while entered; `calls` counts by operation."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.url = f"http://{self.address}"
        self.calls: collections.Counter[str] = collections.Counter()
        row = _row()
        self.responses = {
            "GetItem": json.dumps({"Item": row}).encode(),
            "PutItem": b"{}",
            "PutRecord": b'{"SequenceNumber": "49", "ShardId": "shardId-000000000000"}',
            "Query": b'{"Items": [], "Count": 0}',
            "UpdateItem": json.dumps({"Attributes": row}).encode(),
        }


class _Handler(Handler):
    server: CannedDynamoDB

    def do_POST(self) -> None:  # noqa: N802 - named by http.server
        self.content()
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        self.server.calls[operation] += 1
        self.respond(200, self.server.responses[operation], Content_Type="application/x-amz-json-1.0")
