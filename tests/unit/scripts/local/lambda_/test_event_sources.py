"""Records of table streams: batches, order, retries, and failed records in S3."""

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import local_system
from scripts.local.aws import local_aws
from scripts.local.config.event_sources import EventSource
from scripts.local.event_loop import EventLoop
from scripts.local.lambda_ import event_sources
from scripts.local.lambda_.invocation import Result
from scripts.local.servers import listening
from tests.support.eventually import eventually

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions/stream/now"
OTHER_STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/other/stream/now"
UUID = "11111111-2222-3333-4444-555555555555"
ALIAS_ARN = "arn:aws:lambda:us-east-1:123456789012:function:session_changed:live"


class Consumer:
    """A fake of the function and of S3. It records batches and stored objects; `answer` is its response."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.events: list[dict[str, Any]] = []
        self.answer: Callable[[list[str]], object] = lambda _: None
        self.stored: dict[tuple[str, str], dict[str, Any]] = {}
        self.ready = threading.Event()
        self.ready.set()

    async def invoke(self, function: str, payload: bytes, *, trace_id: str = "") -> Result:
        event = json.loads(payload)
        self.events.append(event)
        batch = [record["dynamodb"]["SequenceNumber"] for record in event["Records"]]
        self.batches.append(batch)
        await asyncio.to_thread(self.ready.wait)
        answer = self.answer(batch)
        if isinstance(answer, Exception):
            return Result(b'{"errorMessage": "boom"}', error=type(answer).__name__, version="7")
        return Result(json.dumps(answer).encode(), version="7")

    async def put_object(self, bucket: str, key: str, body: str) -> None:
        self.stored[bucket, key] = json.loads(body)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Return the stored invocation records, in order."""
        return list(self.stored.values())


def _failed(*numbers: object) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": number} for number in numbers]}


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[contextlib.ExitStack]:
    monkeypatch.setattr(event_sources, "FIRST_PAUSE_SECONDS", 0.01)
    with contextlib.ExitStack() as running:
        yield running


@pytest.fixture
def consume(
    stack: contextlib.ExitStack, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Map a stream to the consumer. The result is the URL to which records are posted.

    `before` is called with the URL before the stream is mapped. `clock` measures windows, in seconds.
    """

    def start(
        *,
        before: Callable[[str], object] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        **fields: Any,
    ) -> str:
        loop = stack.enter_context(EventLoop())
        monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: clock())
        streams = event_sources.Streams()
        url = stack.enter_context(listening(loop, streams))
        before(url)
        source = EventSource(UUID, "session_changed", ALIAS_ARN, STREAM, reports_failures=True, **fields)
        loop.run(streams.consume([source], consumer, consumer.put_object))
        return url

    return start


def _post(
    url: str,
    numbers: Sequence[str],
    *,
    key: str = "a",
    connection: str = "",
    event: str = "MODIFY",
    stream: str = STREAM,
    age: float = 0,
) -> None:
    entries = [
        {
            "stream": stream,
            "partition": key,
            "record": {
                "eventName": event,
                "dynamodb": {
                    "SequenceNumber": number,
                    "ApproximateCreationDateTime": time.time() - age,
                    "Keys": {"sessionId": {"S": key}, "connectionId": {"S": connection}},
                },
            },
        }
        for number in numbers
    ]
    requests.post(url, json=entries, timeout=5).raise_for_status()


def test_records_arrive_in_order_and_in_batches_of_at_most_the_batch_size(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(batch_size=3)
    consumer.ready.clear()

    _post(url, "1")
    eventually(lambda: consumer.batches)
    _post(url, "2345678")
    consumer.ready.set()

    eventually(lambda: len(consumer.batches) == 4)
    assert consumer.batches == [["1"], ["2", "3", "4"], ["5", "6", "7"], ["8"]]


def test_a_record_has_its_event_source_as_on_lambda(consume: Callable[..., str], consumer: Consumer):
    _post(consume(), "1")

    eventually(lambda: consumer.events)
    (record,) = consumer.events[0]["Records"]
    assert (record["eventSourceARN"], record["eventName"]) == (STREAM, "MODIFY")


def test_a_record_that_no_filter_matches_is_discarded(consume: Callable[..., str], consumer: Consumer):
    url = consume(filters=({"eventName": ["REMOVE"]},))

    _post(url, "1", event="MODIFY")
    _post(url, "2", stream=OTHER_STREAM, event="REMOVE")
    _post(url, "3", event="REMOVE")

    eventually(lambda: consumer.batches)
    assert consumer.batches == [["3"]]


def test_a_failing_batch_blocks_its_own_shard_only(consume: Callable[..., str], consumer: Consumer):
    url = consume(batch_size=1)
    consumer.answer = lambda batch: _failed("1") if batch == ["1"] else None

    _post(url, "12", key="a")
    for key in "bcdefgh":
        _post(url, [f"of {key}"], key=key)

    eventually(lambda: sum(batch[0].startswith("of") for batch in consumer.batches) >= 3)
    assert ["2"] not in consumer.batches


@pytest.mark.parametrize(("from_oldest", "batches"), [(True, [["1", "2"], ["3"]]), (False, [["3"]])])
def test_only_a_mapping_from_the_oldest_record_on_gets_records_from_before_it_existed(
    consume: Callable[..., str], consumer: Consumer, from_oldest: bool, batches: list[list[str]]
):
    consumer.ready.clear()
    url = consume(from_oldest=from_oldest, batch_size=2, before=lambda url: _post(url, "12"))

    _post(url, "3")
    consumer.ready.set()

    eventually(lambda: ["3"] in consumer.batches)
    assert consumer.batches == batches


def test_a_batch_is_collected_until_it_is_full(consume: Callable[..., str], consumer: Consumer):
    url = consume(batch_size=3, batching_window=3_600)

    for number in "123":
        _post(url, number)

    eventually(lambda: consumer.batches)
    assert consumer.batches == [["1", "2", "3"]]


def test_a_batch_that_is_not_full_is_complete_when_its_window_has_passed(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(batch_size=3, batching_window=0.01)

    _post(url, "1")

    eventually(lambda: consumer.batches)
    assert consumer.batches == [["1"]]


def test_the_window_begins_when_the_first_record_arrives_even_if_its_lane_is_busy(
    consume: Callable[..., str], consumer: Consumer
):
    ahead = 0.0
    url = consume(batch_size=2, batching_window=3_600, clock=lambda: time.monotonic() + ahead)
    consumer.ready.clear()

    _post(url, "12")
    eventually(lambda: consumer.batches)
    _post(url, "3")
    ahead = 3_600.0
    consumer.ready.set()

    eventually(lambda: len(consumer.batches) == 2)
    assert consumer.batches == [["1", "2"], ["3"]]


def test_as_many_batches_of_a_shard_as_it_has_lanes_are_handled_at_once(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(parallelization_factor=10, batch_size=1)
    consumer.ready.clear()

    for number in range(100):
        _post(url, [str(number)], connection=f"connection-{number}")

    eventually(lambda: len(consumer.batches) == 10)
    consumer.ready.set()
    eventually(lambda: len(consumer.batches) == 100)


def test_all_lanes_are_used_by_a_table_whose_key_is_the_partition_key(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(parallelization_factor=10, batch_size=1)
    consumer.ready.clear()

    for number in range(400):
        _post(url, [str(number)], key=f"session-{number}")

    eventually(lambda: len(consumer.batches) == 10 * event_sources.SHARDS)
    consumer.ready.set()


def test_records_of_one_item_stay_in_order_in_their_lane(consume: Callable[..., str], consumer: Consumer):
    url = consume(parallelization_factor=10, batch_size=1)

    for number in range(20):
        for item in range(10):
            _post(url, [f"{item}-{number}"], connection=str(item))

    eventually(lambda: len(consumer.batches) == 200)
    for item in range(10):
        of_item = [number for (number,) in consumer.batches if number.startswith(f"{item}-")]
        assert of_item == [f"{item}-{number}" for number in range(20)]


def _post_to_two_lanes(url: str) -> None:
    """Post records that alternate in one shard and are in different lanes of it."""
    for number in "123":
        _post(url, [f"bad-{number}"], connection="0")
        _post(url, [f"good-{number}"], connection="1")


def test_a_failing_batch_blocks_its_own_lane_only(consume: Callable[..., str], consumer: Consumer):
    url = consume(parallelization_factor=10, batch_size=1)
    consumer.answer = lambda batch: _failed(*batch) if batch == ["bad-2"] else None

    _post_to_two_lanes(url)

    eventually(lambda: ["good-3"] in consumer.batches and ["bad-2"] in consumer.batches)
    assert ["bad-3"] not in consumer.batches


def test_the_failed_records_of_a_lane_are_stored_without_those_of_other_lanes(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(
        parallelization_factor=10,
        batch_size=3,
        batching_window=3_600,
        max_retries=1,
        failed_records_bucket="failed",
    )
    consumer.answer = lambda batch: _failed("bad-2") if "bad-2" in batch else None

    _post_to_two_lanes(url)

    eventually(lambda: consumer.failed)
    (record,) = consumer.failed
    info = record["DDBStreamBatchInfo"]
    numbers = [one["dynamodb"]["SequenceNumber"] for one in json.loads(record["payload"])["Records"]]
    assert numbers == ["bad-2", "bad-3"]
    assert [info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]] == [*numbers, 2]


def test_a_batch_is_retried_from_the_first_record_that_is_reported_as_failed(
    consume: Callable[..., str], consumer: Consumer
):
    answers = iter([_failed("3", "2"), _failed("3"), _failed()])
    consumer.answer = lambda _: next(answers)

    _post(consume(), "1234")

    eventually(lambda: len(consumer.batches) == 3)
    assert consumer.batches == [["1", "2", "3", "4"], ["2", "3", "4"], ["3", "4"]]


@pytest.mark.parametrize(
    "report",
    [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}],
)
def test_an_empty_report_means_success(consume: Callable[..., str], consumer: Consumer, report: object):
    url = consume(batch_size=2)
    consumer.answer = lambda _: report

    _post(url, "123")

    eventually(lambda: len(consumer.batches) == 2)
    assert consumer.batches == [["1", "2"], ["3"]]


@pytest.mark.parametrize(
    "report",
    [_failed(""), _failed(None), _failed("unknown"), {"batchItemFailures": [{"id": "2"}]}, "nonsense", [1]],
)
def test_a_malformed_report_means_that_the_whole_batch_failed(
    consume: Callable[..., str], consumer: Consumer, report: object
):
    answers = iter([report, None])
    consumer.answer = lambda _: next(answers)

    _post(consume(), "12")

    eventually(lambda: len(consumer.batches) == 2)
    assert consumer.batches == [["1", "2"], ["1", "2"]]


def test_bisecting_isolates_the_record_for_which_the_function_fails(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(bisects=True, max_retries=1, failed_records_bucket="failed")
    consumer.answer = lambda batch: ValueError() if "3" in batch else None

    _post(url, "1234")

    eventually(lambda: ["4"] in consumer.batches)
    assert consumer.batches == [["1", "2", "3", "4"], ["1", "2"], ["3", "4"], ["3"], ["3"], ["4"]]
    assert [record["DDBStreamBatchInfo"]["startSequenceNumber"] for record in consumer.failed] == ["3"]


def test_without_bisecting_the_whole_batch_is_retried(consume: Callable[..., str], consumer: Consumer):
    answers = iter([ValueError(), None])
    consumer.answer = lambda _: next(answers)

    _post(consume(), "12")

    eventually(lambda: len(consumer.batches) == 2)
    assert consumer.batches[1] == ["1", "2"]


def test_after_the_last_retry_the_batch_is_stored_and_the_next_records_are_handled(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(max_retries=2, failed_records_bucket="failed", batch_size=2)
    consumer.answer = lambda batch: _failed(batch[0]) if "1" in batch else None

    _post(url, "123")

    eventually(lambda: ["3"] in consumer.batches)
    assert consumer.batches == [["1", "2"]] * 3 + [["3"]]
    (record,) = consumer.failed
    assert record["requestContext"]["functionArn"] == ALIAS_ARN
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    info = record["DDBStreamBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"], info["batchSize"]) == ("1", "2", 2)
    assert info["streamArn"] == STREAM


def test_a_stored_batch_holds_the_event_that_the_function_got(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(max_retries=0, failed_records_bucket="failed")
    consumer.answer = lambda _: ValueError()

    _post(url, "12")

    eventually(lambda: consumer.failed)
    assert json.loads(consumer.failed[0]["payload"]) == consumer.events[0]


def test_a_stored_batch_has_the_key_that_lambda_gives_it(consume: Callable[..., str], consumer: Consumer):
    url = consume(max_retries=0, failed_records_bucket="failed")
    consumer.answer = lambda _: ValueError()

    _post(url, "1")

    eventually(lambda: consumer.stored)
    (((bucket, key), record),) = consumer.stored.items()
    shard, at = record["DDBStreamBatchInfo"]["shardId"], record["timestamp"]
    assert bucket == "failed"
    assert re.fullmatch(
        rf"aws/lambda/{UUID}/{shard}/{at[:10].replace('-', '/')}/{at[:19].replace(':', '.')}-[0-9a-f-]{{36}}",
        key,
    )


@pytest.mark.parametrize(
    ("answer", "function_error"), [(ValueError(), {"functionError": "Unhandled"}), (_failed("1"), {})]
)
def test_a_stored_batch_shows_whether_the_function_failed_or_reported_a_failure(
    consume: Callable[..., str], consumer: Consumer, answer: object, function_error: dict[str, str]
):
    url = consume(max_retries=0, failed_records_bucket="failed")
    consumer.answer = lambda _: answer

    _post(url, "1")

    eventually(lambda: consumer.failed)
    response = {"statusCode": 200, "executedVersion": "7", **function_error}
    assert consumer.failed[0]["responseContext"] == response


def test_a_record_that_is_too_old_is_stored_without_an_invocation(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(max_age=60, failed_records_bucket="failed")

    _post(url, "1", age=61)
    _post(url, "2")

    eventually(lambda: consumer.batches)
    assert consumer.batches == [["2"]]
    assert consumer.failed[0]["requestContext"]["condition"] == "RecordAgeExceeded"
    assert consumer.failed[0]["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in consumer.failed[0]


def test_the_rest_of_a_batch_counts_the_invocation_that_it_failed_in(
    consume: Callable[..., str], consumer: Consumer
):
    url = consume(max_retries=0, failed_records_bucket="failed")
    consumer.answer = lambda _: _failed("2")

    _post(url, "12")

    eventually(lambda: consumer.failed)
    assert consumer.failed[0]["requestContext"]["approximateInvokeCount"] == 1
    assert consumer.failed[0]["DDBStreamBatchInfo"]["batchSize"] == 1


def test_without_a_bucket_a_failed_batch_is_discarded(consume: Callable[..., str], consumer: Consumer):
    url = consume(max_retries=0, batch_size=1)
    consumer.answer = lambda batch: ValueError() if "1" in batch else None

    _post(url, "12")

    eventually(lambda: ["2"] in consumer.batches)
    assert consumer.stored == {}


def test_the_local_aws_posts_each_write_once_and_in_order(
    tmp_path: Path, stack: contextlib.ExitStack, consumer: Consumer
):
    loop = stack.enter_context(EventLoop())
    streams = event_sources.Streams()
    streams_url = stack.enter_context(listening(loop, streams))
    url = stack.enter_context(local_aws.running(tmp_path / "aws.log", streams_url)).url
    dynamodb = local_system.aws_client("dynamodb", url)
    stream = _create_table(dynamodb)
    loop.run(streams.consume([EventSource(UUID, "f", ALIAS_ARN, stream)], consumer, consumer.put_object))

    for number in range(3):
        dynamodb.put_item(TableName="t", Item={"id": {"S": "a"}, "n": {"N": str(number)}})
    dynamodb.delete_item(TableName="t", Key={"id": {"S": "a"}})

    eventually(lambda: sum(map(len, consumer.batches)) == 4)
    records = [record for event in consumer.events for record in event["Records"]]
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "MODIFY", "REMOVE"]
    numbers = [int(record["dynamodb"]["SequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))
    images = [record["dynamodb"] for record in records]
    assert [image.get("OldImage", {}).get("n", {}).get("N") for image in images] == [None, "0", "1", "2"]
    assert [image.get("NewImage", {}).get("n", {}).get("N") for image in images] == ["0", "1", "2", None]


def _create_table(dynamodb: Any) -> str:
    """Return the ARN of its stream."""
    table = dynamodb.create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    return str(table["LatestStreamArn"])
