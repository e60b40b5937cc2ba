"""Settings from the environment, and the objects that the doors use, each built once."""

import os
import time
from functools import cache
from typing import TYPE_CHECKING

import botocore.session
from botocore.config import Config

from shared.dynamodb import DynamoDBStore
from shared.sessions import ids
from shared.sessions.service import Sessions
from shared.telemetry import EmbeddedMetrics

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Two tries of 1 s to connect and 2 s to read at most, and at most 1 s between: 7 s, within the function's 10.
DYNAMODB = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    tcp_keepalive=True,
    # Else botocore composes its name from twenty parts for every call: a fifth of a warm request.
    user_agent=f"Botocore/{botocore.__version__}",
)


class SettingError(RuntimeError):
    """The environment of the function is not what Terraform should have made it."""


def setting(name: str) -> str:
    """The environment variable of this name. Raises SettingError when it is absent or empty."""
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"{name} is not set")
    return value


def session_id_digits() -> int:
    """SESSION_ID_DIGITS: how many digits the first candidate ids have."""
    text = setting("SESSION_ID_DIGITS")
    if text not in map(str, ids.DIGITS):
        raise SettingError(f"SESSION_ID_DIGITS is {text!r}. Supported: {', '.join(map(str, ids.DIGITS))}")
    return int(text)


def now_ms() -> int:
    """Epoch milliseconds."""
    return time.time_ns() // 1_000_000


@cache
def store() -> DynamoDBStore:
    """The sessions table that SESSIONS_TABLE names."""
    # The stubs type boto3's factory only; this is the same client without boto3's resource layer.
    client: DynamoDBClient = botocore.session.get_session().create_client("dynamodb", config=DYNAMODB)  # type: ignore[assignment]
    return DynamoDBStore(client, setting("SESSIONS_TABLE"))


@cache
def sessions() -> Sessions:
    """The use cases, on the table of SESSIONS_TABLE and with metrics for ENV."""
    return Sessions(store(), EmbeddedMetrics(setting("ENV")), now_ms)
