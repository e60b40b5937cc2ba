"""DynamoDB's client, bounded so that a function always answers in time."""

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.config import Config
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Two tries of 1 s to connect and 2 s to read at most, and at most 1 s between: 7 s, within the function's 10.
PATIENT = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    tcp_keepalive=True,
    # Else botocore composes its name from twenty parts for every call: a fifth of a warm request.
    user_agent=f"Botocore/{botocore.__version__}",
)
# One try of at most 1 s, for what is better left out than waited for.
BRIEF = PATIENT.merge(
    Config(connect_timeout=0.4, read_timeout=0.6, retries={"mode": "standard", "total_max_attempts": 1})
)


def make(config: Config = PATIENT) -> "DynamoDBClient":
    """A client for the region and credentials of the environment."""
    client = _session().create_client("dynamodb", config=config)
    client.meta.events.register("before-parse.dynamodb", must_be_json)
    # The stubs type boto3's factory only; this is the same client without boto3's resource layer.
    return client  # type: ignore[return-value]


@cache
def _session() -> botocore.session.Session:
    # It keeps the service's model, which takes long to load.
    return botocore.session.get_session()


def must_be_json(response_dict: Mapping[str, Any], **_: object) -> None:
    """Raise for half an answer or a proxy's page.

    botocore reads what is no JSON as if no row were there, or as an error of no kind: half of the words that
    say a condition failed would be a bug of ours. 5xx may pass whatever its body is.
    """
    if response_dict["status_code"] < 500:
        try:
            json.loads(response_dict["body"])
        except ValueError as error:
            raise ResponseParserError("The answer is not JSON") from error
