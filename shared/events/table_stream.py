"""DynamoDB Streams: a batch becomes records, and records to retry become a partial batch response.

https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, wait
from contextlib import suppress
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from shared.errors import ServiceUnavailable, UnreadableRow

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
    """Return the records that can be read in the order of their writes; `from_item` reads an image."""
    batch = []
    for record in event["Records"]:
        with suppress(UnreadableRow):
            batch.append(_record(record["dynamodb"], from_item))
    return batch


def process_each(records: Iterable[Record[RowT]], process: Callable[[Record[RowT]], None]) -> BatchResponse:
    """Process the records in order. The first that raises ServiceUnavailable and all after it are retried."""
    for record in records:
        if not _succeeds(partial(process, record)):
            return _retry_from(record)
    return _retry_from()


def process_groups(
    records: Iterable[Record[RowT]],
    key: Callable[[RowT], object],
    process: Callable[[Sequence[Record[RowT]]], None],
    executor: Executor | None = None,
) -> BatchResponse:
    """Process the records of each key together, in order; `key` is that of a row.

    With an executor, the keys are processed at the same time. A key that raises ServiceUnavailable does not
    stop the others. Lambda retries from its first record on, so the records of others are processed again.
    """
    groups: dict[object, list[Record[RowT]]] = {}
    for record in records:
        if row := record.new or record.old:
            groups.setdefault(key(row), []).append(record)
    processes = [partial(process, group) for group in groups.values()]
    if executor is None:
        succeeded = [_succeeds(process) for process in processes]
    else:
        futures = [executor.submit(_succeeds, process) for process in processes]
        # Also if one of them raises: Lambda freezes the function when it returns, and the others with it.
        wait(futures)
        succeeded = [future.result() for future in futures]
    failed = [group[0] for group, success in zip(groups.values(), succeeded, strict=True) if not success]
    return _retry_from(*failed)


def process_batch(records: Sequence[Record[Any]], process: Callable[[], None]) -> BatchResponse:
    """Process all records at once; all of them are retried when that raises ServiceUnavailable."""
    return _retry_from(*([] if _succeeds(process) else records[:1]))


def _succeeds(process: Callable[[], None]) -> bool:
    try:
        process()
    except ServiceUnavailable:
        return False
    except UnreadableRow:
        pass  # a retry cannot read it either
    return True


def _retry_from(*failed: Record[Any]) -> BatchResponse:
    for record in failed:
        logger.warning("Records must be retried", extra={"sequenceNumber": record.sequence_number})
    return {"batchItemFailures": [{"itemIdentifier": record.sequence_number} for record in failed]}


def _record(record: Mapping[str, Any], from_item: Callable[[Item], RowT]) -> Record[RowT]:
    old, new = (from_item(record[image]) if image in record else None for image in ("OldImage", "NewImage"))
    return Record(old, new, record["SequenceNumber"])
