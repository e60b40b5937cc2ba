"""Lambda's event source mappings on table streams: batches in order, retries, and failed records in S3.

The local AWS posts each record here when it is written. A stream has four shards, like the stream of a new
table, and a shard has as many lanes as the mapping's parallelization factor. With one lane the records of a
partition key stay in order, with more the records of an item; a failing batch blocks its own lane only.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import asyncio
import binascii
import contextlib
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from scripts.local.config.event_sources import EventSource
from scripts.local.lambda_.invocation import Functions, Result, Throttled, TooLarge
from scripts.local.servers import SHUTDOWN_SECONDS, Server

SHARDS = 4
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0

Entry = Mapping[str, Any]
"""What the local AWS posts for a record: `stream` (its ARN), `partition` (the partition key), `record`."""

Record = Mapping[str, Any]
PutObject = Callable[[str, str, str], Awaitable[object]]
"""Stores an object in S3, given its bucket, key and body."""


class Streams(Server):
    """Receives the records of table streams and invokes the functions of the event source mappings.

    Records that arrive before `consume` are kept for the mappings that start with the oldest record.
    """

    def __init__(self) -> None:
        self._mappings: list[_Mapping] | None = None
        self._kept: list[Entry] = []

    def runner(self) -> web.AppRunner:
        """Serve the one path to which the local AWS posts."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/", self._receive)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def consume(
        self, sources: Iterable[EventSource], functions: Functions, put_object: PutObject
    ) -> None:
        """Start to invoke the functions of the event source mappings."""
        self._mappings = [_Mapping(source, functions, put_object) for source in sources]
        for mapping in self._mappings:
            if mapping.source.from_oldest:
                mapping.deliver(self._kept)
        self._kept.clear()

    async def stop(self) -> None:
        """Stop listening and invoking. Records that were not handled are lost."""
        await super().stop()
        await asyncio.gather(*(mapping.stop() for mapping in self._mappings or ()))

    async def _receive(self, request: web.Request) -> web.Response:
        entries: list[Entry] = json.loads(await request.read())
        if self._mappings is None:
            self._kept += entries
        else:
            for mapping in self._mappings:
                mapping.deliver(entries)
        return web.Response()


class _Mapping:
    """An event source mapping: hands each record of its stream to the lane of the record's item."""

    def __init__(self, source: EventSource, functions: Functions, put_object: PutObject) -> None:
        self.source = source
        self._lanes = [
            [_Lane(source, shard, functions, put_object) for _ in range(source.parallelization_factor)]
            for shard in range(SHARDS)
        ]

    def deliver(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            record = {**entry["record"], "eventSourceARN": entry["stream"]}
            if self.source.stream_arn == entry["stream"] and self.source.matches(record):
                lanes = self._lanes[_hash(entry["partition"]) % SHARDS]
                item = json.dumps(record["dynamodb"]["Keys"], sort_keys=True)
                lanes[_hash(item) % len(lanes)].add(record)

    async def stop(self) -> None:
        await asyncio.gather(*(lane.stop() for lanes in self._lanes for lane in lanes))


class _Lane:
    """A part of one shard, for one function, which receives one batch after the other."""

    def __init__(self, source: EventSource, shard: int, functions: Functions, put_object: PutObject) -> None:
        self._records: asyncio.Queue[tuple[float, Record]] = asyncio.Queue()
        self._source = source
        self._shard_id = f"shardId-{shard:020d}-{_hash(source.stream_arn):08x}"
        self._functions = functions
        self._put_object = put_object
        self._time = asyncio.get_running_loop().time
        self._task = asyncio.create_task(self._run())

    def add(self, record: Record) -> None:
        self._records.put_nowait((self._time(), record))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._handle(await self._next_batch())

    async def _next_batch(self) -> list[Record]:
        """Wait for a record, then until the batch is full or the window since its arrival has passed."""
        arrived_at, record = await self._records.get()
        batch = [record]
        with contextlib.suppress(TimeoutError):
            # A window that has already passed ends at the first `get` that has to wait.
            async with asyncio.timeout_at(arrived_at + self._source.batching_window):
                while len(batch) < self._source.batch_size:
                    batch.append((await self._records.get())[1])
        return batch

    async def _handle(self, batch: Sequence[Record]) -> None:
        """Invoke the function until it has handled all records of the batch, or the batch has failed."""
        retries, attempts, result = 0, 0, None
        while batch:
            if self._too_old(batch[0]):
                return await self._store(batch, "RecordAgeExceeded", attempts, result)
            result = await self._invoke(batch)
            attempts += 1
            handled = self._handled(batch, result)
            if handled == len(batch):
                return None
            if handled:
                # The rest is a new batch, whose first record has failed once.
                batch, retries, attempts = batch[handled:], 0, 1
            elif result.error and self._source.bisects and len(batch) > 1:
                # Splitting a batch is not a retry.
                half = len(batch) // 2
                await self._handle(batch[:half])
                batch, retries, attempts, result = batch[half:], 0, 0, None
                continue
            if self._source.max_retries is not None and retries >= self._source.max_retries:
                return await self._store(batch, "RetryAttemptsExhausted", attempts, result)
            await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 2**retries, LONGEST_PAUSE_SECONDS))
            retries += 1
        return None

    async def _invoke(self, batch: Sequence[Record]) -> Result:
        payload = _payload(batch).encode()
        while True:
            try:
                return await self._functions.invoke(self._source.function, payload)
            except Throttled:
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            except TooLarge:
                return Result(b"", error="RequestTooLarge")

    def _handled(self, batch: Sequence[Record], result: Result) -> int:
        """Return how many records, from the first one on, the function has handled."""
        if result.error:
            return 0
        return _before_first_failure(result.payload, batch) if self._source.reports_failures else len(batch)

    def _too_old(self, record: Record) -> bool:
        written: float = record["dynamodb"]["ApproximateCreationDateTime"]
        return self._source.max_age is not None and time.time() > written + self._source.max_age

    async def _store(
        self, batch: Sequence[Record], condition: str, attempts: int, result: Result | None
    ) -> None:
        """Store the invocation record of a failed batch in the S3 bucket, under the key that Lambda uses.

        https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
        """
        if self._source.failed_records_bucket is None:
            return
        now = datetime.now(UTC)
        folder = f"aws/lambda/{self._source.uuid}/{self._shard_id}/{now:%Y/%m/%d}"
        key = f"{folder}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        first, last = batch[0]["dynamodb"], batch[-1]["dynamodb"]
        record = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self._source.function_arn,
                "condition": condition,
                "approximateInvokeCount": attempts,
            },
            **_response_context(result),
            "version": "1.0",
            "timestamp": _iso(now.timestamp()),
            "DDBStreamBatchInfo": {
                "shardId": self._shard_id,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
                "batchSize": len(batch),
                "streamArn": self._source.stream_arn,
            },
            "payload": _payload(batch),
        }
        await self._put_object(self._source.failed_records_bucket, key, json.dumps(record))


def _hash(text: str) -> int:
    return binascii.crc32(text.encode())


def _payload(batch: Sequence[Record]) -> str:
    return json.dumps({"Records": batch}, separators=(",", ":"))


def _response_context(result: Result | None) -> dict[str, Any]:
    """Return the part about the last response; empty for records that were never sent to the function."""
    if result is None:
        return {}
    function_error = {"functionError": "Unhandled"} if result.error else {}
    return {"responseContext": {"statusCode": 200, "executedVersion": result.version, **function_error}}


def _before_first_failure(payload: bytes, batch: Sequence[Record]) -> int:
    """Return how many records precede the first reported failure; 0 for a malformed report."""
    try:
        failures = (json.loads(payload) or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    if not failed <= set(numbers):
        return 0
    return min((numbers.index(number) for number in failed), default=len(batch))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
