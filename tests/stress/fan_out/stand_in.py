"""DynamoDB, Amazon Translate and the management API in one server that answers at once.

So only its caller is measured.
"""

import collections
import json
import threading
from collections.abc import Sequence
from typing import Any

from shared.aws import connections_table, sessions_table
from shared.sessions.session import Language, Session
from tests.stress.benchmarks.servers import Handler, LocalServer
from tests.support.connections import a_listener, a_speaker


class StandIn(LocalServer):
    """Listens on `url` while entered. Holds one session and its audience; `calls` counts by operation."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.url = f"http://{self.address}"
        self.calls: collections.Counter[str] = collections.Counter()
        self.lock = threading.Lock()
        self.responses: dict[str, bytes] = {}

    def hold(self, session: Session, listeners: int, languages: Sequence[Language] = ()) -> None:
        """Hold this session, its speaker and so many admitted listeners, and count calls from 0 again.

        The languages (default: Spanish) have equally many listeners.
        """
        of_session: dict[str, Any] = {
            "session_id": session.id,
            "session_created_at": session.created_at,
            "joined_at": session.created_at,
            "admitted_at": session.created_at,
            "expires_at": session.expires_at,
        }
        rows = [a_speaker(**of_session)]
        languages = languages or (Language.SPANISH,)
        rows += [
            a_listener(
                id=f"L0SM9cOFv{number:06}=",
                target_language=languages[number % len(languages)],
                **of_session,
            )
            for number in range(listeners)
        ]
        items = [connections_table.to_item(row) for row in rows]
        self.calls.clear()
        self.responses = {
            operation: json.dumps(response).encode()
            for operation, response in {
                "GetItem": {"Item": sessions_table.to_item(session)},
                "Query": {"Items": items, "Count": len(items), "ScannedCount": len(items)},
                "UpdateItem": {"Attributes": sessions_table.to_item(session)},
                "DeleteItem": {},
                "BatchWriteItem": {"UnprocessedItems": {}},
                "PutItem": {},
                "TranslateText": {
                    "TranslatedText": "Dichosos los que tienen hambre y sed de justicia.",
                    "SourceLanguageCode": "en",
                    "TargetLanguageCode": "es",
                },
            }.items()
        }

    def count(self, operation: str) -> None:
        """Count a call; every connection has a thread of its own."""
        with self.lock:
            self.calls[operation] += 1


class _Handler(Handler):
    server: StandIn

    def do_POST(self) -> None:  # noqa: N802 - named by http.server
        self.content()
        if "@connections" in self.path:
            self.server.count("PostToConnection")
            self.respond(200, b"")
        else:
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            self.server.count(operation)
            self.respond(200, self.server.responses[operation], Content_Type="application/x-amz-json-1.0")

    def do_DELETE(self) -> None:  # noqa: N802 - named by http.server
        self.server.count("DeleteConnection")
        self.respond(204, b"")
