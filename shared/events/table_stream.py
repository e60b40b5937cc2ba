"""DynamoDB Streams: a batch becomes records, and records to retry become a partial batch response.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import ServiceUnavailable

Event = Mapping[str, Any]
Item = Mapping[str, Mapping[str, Any]]
BatchResponse = dict[str, list[dict[str, str]]]
RowT = TypeVar("RowT")

logger = logging.getLogger("stream")


class Record(NamedTuple, Generic[RowT]):
    """One write to a table: the row before an update or removal, and the row after an insert or update."""

    old: RowT | None
    new: RowT | None
    sequence_number: str


def consumer(handler: Callable[[Event, Any], BatchResponse]) -> Callable[[Event, Any], BatchResponse]:
    """Make the Lambda handler of an event source mapping."""
    return handler


def records(event: Event, from_item: Callable[[Item], RowT]) -> list[Record[RowT]]:
    """Return the records in the order of their writes; `from_item` reads an image."""
    return [_record(record["dynamodb"], from_item) for record in event["Records"]]


def process_each(records: Iterable[Record[RowT]], process: Callable[[Record[RowT]], None]) -> BatchResponse:
    """Process the records in order. The first that raises ServiceUnavailable and all after it are retried."""
    for record in records:
        try:
            process(record)
        except ServiceUnavailable:
            return _retry_from(record)
    return {"batchItemFailures": []}


def process_batch(records: Sequence[Record[Any]], process: Callable[[], None]) -> BatchResponse:
    """Process all records at once; all of them are retried when that raises ServiceUnavailable."""
    try:
        process()
    except ServiceUnavailable:
        return _retry_from(records[0])
    return {"batchItemFailures": []}


def _retry_from(record: Record[Any]) -> BatchResponse:
    logger.warning("Records must be retried", extra={"sequenceNumber": record.sequence_number})
    return {"batchItemFailures": [{"itemIdentifier": record.sequence_number}]}


def _record(record: Mapping[str, Any], from_item: Callable[[Item], RowT]) -> Record[RowT]:
    old, new = (from_item(record[image]) if image in record else None for image in ("OldImage", "NewImage"))
    return Record(old, new, record["SequenceNumber"])
