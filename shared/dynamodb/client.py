"""DynamoDB's client, bounded so that a function always answers in time."""

from typing import TYPE_CHECKING

import botocore.session
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Two tries of 1 s to connect and 2 s to read at most, and at most 1 s between: 7 s, within the function's 10.
PATIENT = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    tcp_keepalive=True,
)
# One try of at most 1 s, for what is better left out than waited for.
BRIEF = PATIENT.merge(
    Config(connect_timeout=0.4, read_timeout=0.6, retries={"mode": "standard", "total_max_attempts": 1})
)


def make(config: Config = PATIENT) -> "DynamoDBClient":
    """A client for the region and credentials of the environment."""
    # The stubs type boto3's factory only; this is the same client without boto3's resource layer.
    return botocore.session.get_session().create_client("dynamodb", config=config)  # type: ignore[return-value]
