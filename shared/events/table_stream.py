"""The edge to table streams: records become changes of rows, and what is not done is reported for a retry.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from shared import started
from shared.audience.connection import Connection
from shared.aws.connections_table import connection_of
from shared.aws.errors import logger
from shared.aws.items import Item
from shared.aws.sessions_table import session_of
from shared.errors import TryAgainLater
from shared.sessions.session import Session

Event = Mapping[str, Any]
Answer = dict[str, list[dict[str, str]]]
RowT = TypeVar("RowT")


class Change(NamedTuple, Generic[RowT]):
    """What a write has done to a row: None before it was there, and after it is gone."""

    old: RowT | None
    new: RowT | None
    sequence_number: str


def consumer(door: Callable[[Event, Any], Answer]) -> Callable[[Event, Any], Answer]:
    """Make the Lambda handler of an event source mapping."""
    started()
    return door


def changes(event: Event, row: Callable[[Item], RowT]) -> list[Change[RowT]]:
    """The changes in the order in which they were made, each image read by `row`."""
    return [_change(record["dynamodb"], row) for record in event["Records"]]


def session_changes(event: Event) -> list[Change[Session]]:
    """The changes of the sessions table."""
    return changes(event, session_of)


def connection_changes(event: Event) -> list[Change[Connection]]:
    """The changes of the connections table."""
    return changes(event, connection_of)


def one_by_one(all_changes: Iterable[Change[RowT]], handle: Callable[[Change[RowT]], None]) -> Answer:
    """Handle the changes in order, up to the first that must be tried again: the answer says which."""
    for change in all_changes:
        try:
            handle(change)
        except TryAgainLater:
            return failed_from(change)
    return {"batchItemFailures": []}


def all_at_once(all_changes: Sequence[Change[Any]], handle: Callable[[], None]) -> Answer:
    """Handle all changes together; when that must be tried again, so must all of them."""
    try:
        handle()
    except TryAgainLater:
        return failed_from(all_changes[0])
    return {"batchItemFailures": []}


def failed_from(change: Change[Any]) -> Answer:
    """The answer that has this change and all after it sent again."""
    logger.warning(
        "A change of the table must be tried again", extra={"sequenceNumber": change.sequence_number}
    )
    return {"batchItemFailures": [{"itemIdentifier": change.sequence_number}]}


def _change(record: Mapping[str, Any], row: Callable[[Item], RowT]) -> Change[RowT]:
    old, new = (row(record[image]) if image in record else None for image in ("OldImage", "NewImage"))
    return Change(old, new, record["SequenceNumber"])
