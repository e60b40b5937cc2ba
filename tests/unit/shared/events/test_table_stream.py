"""Table streams: a batch becomes records, and records to retry become a partial batch response."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.aws import connections_table
from shared.aws.sessions_table import from_item
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.events.table_stream import Record, process_batch, process_each, process_groups, records
from shared.sessions.session import Status
from tests.support.connections import a_listener, a_waiting_listener
from tests.support.sessions import NOW, a_session
from tests.support.websocket_events import sequence_number, stream

PAUSED = a_session(status=Status.PAUSED)
ENDED = a_session(status=Status.ENDED, ended_at=NOW)
NO_FAILURES = {"batchItemFailures": []}


def failure(event: dict[str, Any], index: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(event, index)}]}


def test_records_have_the_rows_before_and_after_each_write_in_order():
    event = stream((a_session(), PAUSED), (PAUSED, ENDED), (ENDED, None), (None, a_session()))

    batch = records(event, from_item)

    assert [(record.old, record.new) for record in batch] == [
        (a_session(), PAUSED),
        (PAUSED, ENDED),
        (ENDED, None),
        (None, a_session()),
    ]


def test_records_of_the_connections_table_have_connections():
    event = stream((a_waiting_listener(), a_listener()))

    assert records(event, connections_table.from_item) == [
        Record(a_waiting_listener(), a_listener(), sequence_number(event, 0))
    ]


def test_attributes_that_are_not_in_the_schema_are_ignored():
    event = stream((a_session(), PAUSED))
    event["Records"][0]["dynamodb"]["NewImage"] |= {"writeId": {"S": "x"}, "mood": {"S": "calm"}}

    assert records(event, from_item)[0].new == PAUSED


def test_a_batch_without_failures_is_processed_in_order_and_not_retried():
    event = stream((a_session(), PAUSED), (PAUSED, ENDED))
    processed: list[object] = []

    response = process_each(records(event, from_item), lambda record: processed.append(record.new))

    assert response == NO_FAILURES
    assert processed == [PAUSED, ENDED]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_first_record_that_fails_temporarily_and_all_after_it_are_retried(index: int):
    event = stream((a_session(), PAUSED), (PAUSED, a_session()), (a_session(), ENDED))
    processed: list[str] = []

    def process(record: Record[Any]) -> None:
        processed.append(record.sequence_number)
        if len(processed) == index + 1:
            raise ServiceUnavailable

    response = process_each(records(event, from_item), process)

    assert response == failure(event, index)
    assert len(processed) == index + 1


def test_a_bug_fails_the_batch_so_that_lambda_splits_it():
    event = stream((a_session(), PAUSED))

    with pytest.raises(ZeroDivisionError):
        process_each(records(event, from_item), lambda record: 1 / 0)


def test_records_that_cannot_be_read_are_left_out():
    event = stream((a_session(), PAUSED), (PAUSED, ENDED))
    event["Records"][0]["dynamodb"]["NewImage"]["createdAt"] = {"S": "yesterday"}

    assert [record.new for record in records(event, from_item)] == [ENDED]


def test_a_row_that_cannot_be_read_while_its_record_is_processed_is_not_retried():
    event = stream((a_session(), PAUSED))

    def fail(_: Record[Any]) -> None:
        raise UnreadableRow

    assert process_each(records(event, from_item), fail) == NO_FAILURES


OTHER = a_session(id="holy-psalm-100")


def test_records_of_one_row_are_processed_together_and_in_order():
    event = stream((a_session(), PAUSED), (None, OTHER), (PAUSED, ENDED), (OTHER, None))
    processed: list[list[tuple[object, object]]] = []

    response = process_groups(
        records(event, from_item),
        lambda session: session.id,
        lambda group: processed.append([(record.old, record.new) for record in group]),
    )

    assert response == NO_FAILURES
    assert processed == [[(a_session(), PAUSED), (PAUSED, ENDED)], [(None, OTHER), (OTHER, None)]]


def test_a_row_that_fails_stops_no_other_and_is_retried_from_its_first_record_on():
    event = stream((a_session(), PAUSED), (None, OTHER), (PAUSED, ENDED))
    processed: list[str] = []

    def process(group: Sequence[Record[Any]]) -> None:
        processed.append(group[0].new.id)
        if group[0].new.id == PAUSED.id:
            raise ServiceUnavailable

    response = process_groups(records(event, from_item), lambda session: session.id, process)

    assert response == failure(event, 0)
    assert processed == [PAUSED.id, OTHER.id]


def test_with_an_executor_rows_are_processed_at_the_same_time_and_each_in_order():
    event = stream((a_session(), PAUSED), (None, OTHER), (PAUSED, ENDED))
    barrier = threading.Barrier(2, timeout=60)  # opens only if both rows are at it at once
    processed: dict[str, list[Any]] = {}

    def process(group: Sequence[Record[Any]]) -> None:
        barrier.wait()
        processed[group[0].new.id] = [record.new for record in group]
        if group[0].new.id == OTHER.id:
            raise ServiceUnavailable

    with ThreadPoolExecutor(2) as executor:
        response = process_groups(records(event, from_item), lambda session: session.id, process, executor)

    assert processed == {PAUSED.id: [PAUSED, ENDED], OTHER.id: [OTHER]}
    assert response == failure(event, 1)


def test_a_bug_with_one_row_is_raised_when_the_other_rows_are_processed():
    event = stream((a_session(), PAUSED), (None, OTHER))
    raised = threading.Event()
    processed: list[str] = []

    def process(group: Sequence[Record[Any]]) -> None:
        if group[0].new.id == PAUSED.id:
            raised.set()
            raise ZeroDivisionError
        assert raised.wait(timeout=60)
        processed.append(group[0].new.id)

    executor = ThreadPoolExecutor(2)
    with pytest.raises(ZeroDivisionError):
        process_groups(records(event, from_item), lambda session: session.id, process, executor)

    assert processed == [OTHER.id]  # already now: the executor has not been waited for
    executor.shutdown()


def test_records_that_are_processed_at_once_are_retried_together():
    event = stream((a_waiting_listener(), a_listener()), (a_listener(), None))
    batch = records(event, connections_table.from_item)

    def fail() -> None:
        raise ServiceUnavailable

    assert process_batch(batch, fail) == failure(event, 0)
    assert process_batch(batch, lambda: None) == NO_FAILURES


def test_a_retry_is_logged_with_the_sequence_number_and_without_the_row(caplog: pytest.LogCaptureFixture):
    event = stream((a_session(), PAUSED))

    def fail(_: Record[Any]) -> None:
        raise ServiceUnavailable

    with caplog.at_level(logging.INFO):
        process_each(records(event, from_item), fail)

    (record,) = caplog.records
    assert (record.levelname, record.name, record.msg) == ("WARNING", "stream", "Records must be retried")
    assert record.sequenceNumber == sequence_number(event, 0)
    assert a_session().speaker not in str(vars(record))
