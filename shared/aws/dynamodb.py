"""The DynamoDB client, and items as DynamoDB's API represents them."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import botocore.session
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS
from botocore.parsers import ResponseParserError

from shared.errors import UnreadableRow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# At most two tries of 1 s to connect and 2 s to read, and 1 s between them: 7 s of the function's 10.
DEFAULT_CONFIG = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"mode": "standard", "total_max_attempts": 2},
    parameter_validation=False,
    tcp_keepalive=True,
    # Otherwise botocore composes its user agent from twenty parts for every call: a fifth of a warm request.
    user_agent=f"Botocore/{botocore.__version__}",
)
# One try of at most 1 s, for calls that a request can do without.
FAIL_FAST_CONFIG = DEFAULT_CONFIG.merge(
    Config(connect_timeout=0.4, read_timeout=0.6, retries={"mode": "standard", "total_max_attempts": 1})
)

Item = Mapping[str, Mapping[str, Any]]
"""An item: {"listenerCount": {"N": "3"}}."""

RowT = TypeVar("RowT")
WordT = TypeVar("WordT", bound=StrEnum)

Schema = Mapping[str, tuple[str, str, Callable[[Any], object]]]
"""By field: (name of the attribute, its DynamoDB type, function that reads its value)."""

logger = logging.getLogger("aws")


def create_client(
    config: Config = DEFAULT_CONFIG,
    *,
    max_connections: int = 10,
    before_send: Callable[..., None] | None = None,
) -> "DynamoDBClient":
    """Return a client for the region and credentials in the environment.

    `max_connections` is the number of threads that use the client at once. `before_send` is called before
    each HTTP request, also before a retry and for each page; the client's method raises what it raises.
    """
    config = config.merge(Config(max_pool_connections=max_connections))
    client = sdk_session().create_client("dynamodb", config=config)
    client.meta.events.register("before-parse.dynamodb", require_json)
    if before_send:
        client.meta.events.register("before-send.dynamodb", before_send)
    # The stubs type boto3's factory only; this is the same client without boto3's resource layer.
    return client  # type: ignore[return-value]


def to_item(schema: Schema, values: Mapping[str, str | int | None]) -> dict[str, dict[str, str]]:
    """Return fields as attributes; a field that is None has no attribute."""
    return {
        schema[field][0]: {schema[field][1]: str(value)}
        for field, value in values.items()
        if value is not None
    }


def from_item(schema: Schema, item: Item, row: Callable[..., RowT]) -> RowT:
    """Return the row of an item: `row` takes the fields that the item has. Raises UnreadableRow."""
    try:
        return row(
            **{
                field: read(item[attribute][kind])
                for field, (attribute, kind, read) in schema.items()
                if attribute in item
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        _log_unreadable(item, type(error).__name__)
        raise UnreadableRow from error


def from_items(items: Iterable[Item], from_item: Callable[[Item], RowT]) -> list[RowT]:
    """Return the rows of the items that can be read."""
    rows = []
    for item in items:
        with suppress(UnreadableRow):
            rows.append(from_item(item))
    return rows


def word(words: type[WordT]) -> Callable[[str], WordT | str]:
    """Return a function that reads a word, or text if this release does not know the word."""

    def read(text: str) -> WordT | str:
        return words(text) if text in members else text

    members = set(words)
    return read


def _log_unreadable(item: Item, reason: str) -> None:
    # No traceback and no values: a row has private fields.
    session_id = item.get("sessionId", {}).get("S")
    logger.error("A row cannot be read", extra={"sessionId": session_id, "reason": reason})


def require_json(response_dict: Mapping[str, Any], **_: object) -> None:
    """Raise ResponseParserError for a truncated response or a proxy's page.

    botocore parses a body that is not JSON as an empty response, or as an error without a code: a truncated
    ConditionalCheckFailedException would then look like a bug. Any 5xx response may pass.
    """
    if response_dict["status_code"] < 500:
        try:
            json.loads(response_dict["body"])
        except ValueError as error:
            raise ResponseParserError("The response is not JSON") from error


@cache
def sdk_session() -> botocore.session.Session:
    """Return the process's one session, for all AWS clients: it keeps data that takes long to load.

    It has only those of botocore's event handlers that are for every service: the others, such as
    `before-call.s3`, cost 2 % of a start.
    """
    session = botocore.session.Session(include_builtin_handlers=False)
    for event_name, handler, *_ in BUILTIN_HANDLERS:
        if "." not in event_name:
            session.register(event_name, handler)
    return session
