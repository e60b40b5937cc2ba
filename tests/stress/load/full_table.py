"""DynamoDB (moto) with a sessions table that is as full as asked, in a process of its own.

`python -m tests.stress.load.full_table`
says `ready <URL>`, then reads numbers of sessions from standard input,
fills the table up to each and says how many there are. Rows go into moto's table directly: through the API
the last point of the curve would take minutes. Their ids are those that the service would have given.
"""

import copy
import gc
import random
import sys
import time
from types import SimpleNamespace
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.server import ThreadedMotoServer

from scripts import local_system
from shared.aws.sessions_table import SessionsTable
from shared.sessions import ids
from shared.sessions.session import LIFETIME_S
from tests.support.sessions import a_session
from tests.support.tables import SESSIONS_TABLE, create_table

DIGITS = 3
ACCOUNT = "123456789012"


def main() -> None:
    gc.disable()  # it would look through millions of attributes over and over
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    create_table(local_system.aws_client("dynamodb", url), SESSIONS_TABLE)
    table: Any = dynamodb_backends[ACCOUNT][local_system.REGION].get_table(SESSIONS_TABLE)
    first = table.put_item(_row())
    chance = random.Random(1)
    print(f"ready {url}", flush=True)
    for line in sys.stdin:
        while len(table.items) < int(line):
            for session_id in ids.candidates(DIGITS, lambda _attempt, n: chance.randrange(n)):
                key = DynamoType({"S": session_id})
                if key not in table.items:
                    table.items[key] = _like(first, key)
                    break
        print(len(table.items), flush=True)


def _like(first: Item, key: DynamoType) -> Item:
    """A row with another id. It shares what both have in common: moto takes minutes to make that anew."""
    row = copy.copy(first)
    row.hash_key, row.attrs = key, type(first.attrs)()
    dict.update(row.attrs, {**first.attrs, "sessionId": key})  # its own update measures each attribute
    return row


def _row() -> dict[str, Any]:
    """What the store writes for a session that has just been opened."""
    written: list[dict[str, Any]] = []
    client: Any = SimpleNamespace(put_item=lambda **call: written.append(call["Item"]))
    now_s = int(time.time())
    SessionsTable(client, SESSIONS_TABLE).add(a_session(expires_at=now_s + LIFETIME_S), reusable_before=now_s)
    return written[0]


if __name__ == "__main__":
    main()
