"""DynamoDB (moto) in a process of its own, with a sessions table that is filled on request.

python -m tests.stress.curve.full_table

Prints `ready <URL>`, then reads numbers of sessions from standard input, fills the table up to each number
with copies of its first session, and prints the number. Rows are written directly to moto's table, because
the API would take minutes. Their ids are drawn as the service draws them.
"""

import copy
import gc
import random
import sys
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.server import ThreadedMotoServer

from scripts import local_system
from shared.sessions import ids
from tests.support.tables import SESSIONS_TABLE, create_table

DIGITS = 3
ACCOUNT = "123456789012"


def main() -> None:
    gc.disable()  # the collector would repeatedly traverse millions of attributes
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    create_table(local_system.aws_client("dynamodb", url), SESSIONS_TABLE)
    items: dict[DynamoType, Any] = (
        dynamodb_backends[ACCOUNT][local_system.REGION].get_table(SESSIONS_TABLE).items
    )
    rng = random.Random(1)
    print(f"ready {url}", flush=True)
    for line in sys.stdin:
        first = next(iter(items.values()))
        while len(items) < int(line):
            for session_id in ids.candidates(DIGITS, lambda _attempt, size: rng.randrange(size)):
                key = DynamoType({"S": session_id})
                if key not in items:
                    items[key] = _copy_with_key(first, key)
                    break
        print(len(items), flush=True)


def _copy_with_key(first: Item, key: DynamoType) -> Item:
    # The copy shares every other attribute: moto would take minutes to build them again.
    row = copy.copy(first)
    row.hash_key, row.attrs = key, type(first.attrs)()
    dict.update(row.attrs, {**first.attrs, "sessionId": key})  # its own update computes sizes
    return row


if __name__ == "__main__":
    main()
