"""The lanes of the sessions table's stream: sessions whose records wait for each other."""

import binascii
import itertools
import json
from collections.abc import Iterator

from scripts.local.lambda_.event_sources import SHARDS
from scripts.local.system import System
from shared.sessions.ids import ADJECTIVES, NOUNS


def other_ids_in_lane(local: System, session_id: str) -> Iterator[str]:
    """Yield other session ids whose records session_changed receives after those of a session."""
    (source,) = (
        source for source in local.config.event_sources if source.function.endswith("-session_changed")
    )

    def lane(session_id: str) -> tuple[int, int]:
        # As scripts/local/lambda_/event_sources.py does.
        keys = json.dumps({"sessionId": {"S": session_id}}, sort_keys=True)
        lanes = source.parallelization_factor
        return binascii.crc32(session_id.encode()) % SHARDS, binascii.crc32(keys.encode()) % lanes

    ids = (
        f"{adjective}-{noun}-{number}"
        for adjective, noun, number in itertools.product(ADJECTIVES, NOUNS, range(100, 1000))
    )
    return (found for found in ids if found != session_id and lane(found) == lane(session_id))
