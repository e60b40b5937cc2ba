"""Lambda's event source mappings on table streams: batches in order, retries, and failed records in S3.

The local AWS posts each record here when it is written. A stream has four shards, like the stream of a new
table: records of one partition key stay in order, and a failing batch blocks its own shard only.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import asyncio
import binascii
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

Record = Mapping[str, Any]
PutObject = Callable[[str, str, str], Awaitable[object]]
"""Stores an object in S3, given its bucket, key and body."""


class Streams(Server):
    """Receives the records of table streams and invokes the functions of the event source mappings.

    Records that arrive before `consume` are discarded: the mappings start with new records (LATEST).
    """

    def __init__(self) -> None:
        self._shards: list[tuple[EventSource, list[_Shard]]] = []

    def runner(self) -> web.AppRunner:
        """Serve the one path to which the local AWS posts."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/", self._receive)
        return web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)

    async def consume(
        self, sources: Iterable[EventSource], functions: Functions, put_object: PutObject
    ) -> None:
        """Start to invoke the functions of the event source mappings."""
        for source in sources:
            shards = [_Shard(source, number, functions, put_object) for number in range(SHARDS)]
            self._shards.append((source, shards))

    async def stop(self) -> None:
        """Stop listening and invoking. Records that were not handled are lost."""
        await super().stop()
        await asyncio.gather(*(shard.stop() for _, shards in self._shards for shard in shards))

    async def _receive(self, request: web.Request) -> web.Response:
        for entry in json.loads(await request.read()):
            record = {**entry["record"], "eventSourceARN": entry["stream"]}
            for source, shards in self._shards:
                if source.stream_arn == entry["stream"] and source.matches(record):
                    number = binascii.crc32(entry["partition"].encode()) % SHARDS
                    shards[number].records.put_nowait(record)
        return web.Response()


class _Shard:
    """One shard of a stream for one function, which receives one batch after the other."""

    def __init__(self, source: EventSource, number: int, functions: Functions, put_object: PutObject) -> None:
        self.records: asyncio.Queue[Record] = asyncio.Queue()
        self._source = source
        self._id = f"shardId-{number:020d}-{binascii.crc32(source.stream_arn.encode()):08x}"
        self._functions = functions
        self._put_object = put_object
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            batch = [await self.records.get()]
            while len(batch) < self._source.batch_size and not self.records.empty():
                batch.append(self.records.get_nowait())
            await self._handle(batch)

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
        key = (
            f"aws/lambda/{self._source.uuid}/{self._id}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        )
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
                "shardId": self._id,
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
