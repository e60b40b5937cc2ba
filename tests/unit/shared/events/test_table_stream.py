"""The edge to table streams: records as changes of rows, and what is reported to be sent again."""

from typing import Any

import pytest

from shared.aws import connections_table
from shared.aws.sessions_table import from_item
from shared.errors import ServiceUnavailable
from shared.events.table_stream import Record, process_batch, process_each, records
from shared.sessions.session import Status
from tests.support.connections import a_listener, a_waiting_listener
from tests.support.sessions import NOW, a_session
from tests.support.websocket_events import sequence_number, stream

PAUSED = a_session(status=Status.PAUSED)
ENDED = a_session(status=Status.ENDED, ended_at=NOW)
NONE_FAILED = {"batchItemFailures": []}


def failed(event: dict[str, Any], index: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": sequence_number(event, index)}]}


def test_records_are_the_rows_before_and_after_in_their_order():
    event = stream((a_session(), PAUSED), (PAUSED, ENDED), (ENDED, None), (None, a_session()))

    read = records(event, from_item)

    assert [(change.old, change.new) for change in read] == [
        (a_session(), PAUSED),
        (PAUSED, ENDED),
        (ENDED, None),
        (None, a_session()),
    ]


def test_records_of_connections_are_connections():
    event = stream((a_waiting_listener(), a_listener()))

    assert records(event, connections_table.from_item) == [
        Record(a_waiting_listener(), a_listener(), sequence_number(event, 0))
    ]


def test_attributes_that_nobody_reads_are_left_out():
    event = stream((a_session(), PAUSED))
    event["Records"][0]["dynamodb"]["NewImage"] |= {"writeId": {"S": "x"}, "audienceToldAt": {"N": "1"}}

    assert records(event, from_item)[0].new == PAUSED


def test_when_all_is_done_nothing_is_sent_again():
    event = stream((a_session(), PAUSED), (PAUSED, ENDED))
    handled: list[object] = []

    answer = process_each(records(event, from_item), lambda change: handled.append(change.new))

    assert answer == NONE_FAILED
    assert handled == [PAUSED, ENDED]


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_first_that_must_be_tried_again_and_all_after_it_are_sent_again(index: int):
    event = stream((a_session(), PAUSED), (PAUSED, a_session()), (a_session(), ENDED))
    handled: list[str] = []

    def handle(change: Record[Any]) -> None:
        handled.append(change.sequence_number)
        if len(handled) == index + 1:
            raise ServiceUnavailable

    answer = process_each(records(event, from_item), handle)

    assert answer == failed(event, index)
    assert len(handled) == index + 1


def test_a_bug_fails_the_batch_so_that_lambda_can_split_it():
    event = stream((a_session(), PAUSED))

    with pytest.raises(ZeroDivisionError):
        process_each(records(event, from_item), lambda change: 1 / 0)


def test_changes_that_are_handled_together_are_sent_again_together():
    event = stream((a_waiting_listener(), a_listener()), (a_listener(), None))
    read = records(event, connections_table.from_item)

    def handle() -> None:
        raise ServiceUnavailable

    assert process_batch(read, handle) == failed(event, 0)
    assert process_batch(read, lambda: None) == NONE_FAILED


def test_what_is_tried_again_is_logged_without_the_row(caplog: pytest.LogCaptureFixture):
    event = stream((a_session(), PAUSED))

    def handle(_: Record[Any]) -> None:
        raise ServiceUnavailable

    process_each(records(event, from_item), handle)

    assert [record.sequenceNumber for record in caplog.records] == [sequence_number(event, 0)]
    assert a_session().speaker not in caplog.text
