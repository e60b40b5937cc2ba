"""A function that makes one call of a fan-out many times, from 16 threads: what the call alone costs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from shared import settings
from shared.audience.connection import SessionRef
from shared.aws import dynamodb, management_api
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.session_bookkeeping import SessionBookkeeping

THREADS = 16
SESSION, CONNECTION = SessionRef("pure-hope-123", 1), "L0SM9cOFvHcCIhw="
MESSAGE = {"type": "sessionEnded", "sessionId": SESSION.id, "reason": "ended", "timestamp": 1}

client = dynamodb.create_client(max_connections=THREADS)
connections = ConnectionsTable(client, settings.text("CONNECTIONS_TABLE"))
bookkeeping = SessionBookkeeping(client, settings.text("SESSIONS_TABLE"))
gateway = ManagementApi(
    management_api.create_client(settings.text("WEBSOCKET_ENDPOINT"), max_connections=THREADS)
)
key = {"sessionId": {"S": SESSION.id}, "connectionId": {"S": CONNECTION}}
deletes: Any = {settings.text("CONNECTIONS_TABLE"): [{"DeleteRequest": {"Key": key}}] * 25}

OPERATIONS = {
    "post": lambda: gateway.post(CONNECTION, MESSAGE),
    "close": lambda: gateway.close(CONNECTION),
    "query": lambda: connections.of_session(SESSION.id),
    "update": lambda: bookkeeping.set_listener_count(SESSION, 1),
    "delete": lambda: connections.remove(SESSION.id, CONNECTION),
    "batch_delete": lambda: client.batch_write_item(RequestItems=deletes),
}


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    operation = OPERATIONS[event["operation"]]
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(lambda _: operation(), range(event["times"])):
            pass
    return {}
