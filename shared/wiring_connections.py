"""What the functions around connections use, each built once from the function's settings."""

import hmac
import time
from collections.abc import Callable
from functools import cache

from shared import settings, wiring
from shared.audience.join import Attendance
from shared.aws import dynamodb
from shared.aws.connections_table import ConnectionsTable
from shared.events.api_gateway import now_ms


@cache
def connections() -> ConnectionsTable:
    """The connections table that CONNECTIONS_TABLE names."""
    return ConnectionsTable(dynamodb.make(), settings.text("CONNECTIONS_TABLE"))


@cache
def attendance() -> Attendance:
    """The use cases of SESSIONS_TABLE and CONNECTIONS_TABLE, for MAX_LISTENERS in each session."""
    return Attendance(
        wiring.store(),
        connections(),
        max_listeners=settings.number("MAX_LISTENERS"),
        clock=now_ms,
        sleep=time.sleep,
    )


def address_digest() -> Callable[[str], str]:
    """A name for an address that tells clients apart; without ADDRESS_KEY nobody can make or undo it."""
    key = settings.text("ADDRESS_KEY").encode()
    return lambda address: hmac.digest(key, address.encode(), "sha256").hex()[:32]
