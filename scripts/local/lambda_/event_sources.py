"""Lambda's event source mappings on table streams: batches in order, retries, and records that are given up.

The local AWS posts each record here as it is written. As the stream of a new table has four shards, so has it
here: records of one partition key stay in order, and a batch that fails holds up its own shard alone.
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

import asyncio
import binascii
import json
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import web

from scripts.local.lambda_.runtime import Throttled, TooLarge

if TYPE_CHECKING:
    from scripts.local.config.event_sources import EventSource
    from scripts.local.gateway.http_api import Functions

SHARDS = 4
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0

Record = Mapping[str, Any]
TellFailure = Callable[[str, str], Awaitable[object]]
"""Sends to the queue at a URL a message."""


class Streams:
    """Takes records of table streams, and hands them to the functions that they are declared for.

    Records that come before `consume` are for nobody.
    """

    def __init__(self) -> None:
        self._shards: list[tuple[EventSource, list[_Shard]]] = []
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Listen, and return the port."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        listening: int = self._runner.addresses[0][1]
        return listening

    async def consume(
        self, sources: Iterable["EventSource"], functions: "Functions", tell_failure: TellFailure
    ) -> None:
        """Begin to invoke functions."""
        for source in sources:
            shards = [_Shard(source, number, functions, tell_failure) for number in range(SHARDS)]
            self._shards.append((source, shards))

    async def stop(self) -> None:
        """Stop listening and invoking; what was not handled is lost."""
        if self._runner:
            await self._runner.cleanup()
        await asyncio.gather(*(shard.stop() for _, shards in self._shards for shard in shards))

    async def _take(self, request: web.Request) -> web.Response:
        for written in json.loads(await request.read()):
            for source, shards in self._shards:
                if source.stream_arn == written["stream"] and source.passes(written["record"]):
                    number = binascii.crc32(written["partition"].encode()) % SHARDS
                    shards[number].records.put_nowait(
                        {**written["record"], "eventSourceARN": source.stream_arn}
                    )
        return web.Response()


class _Shard:
    """One shard of a stream, as one function gets it: one batch after the other."""

    def __init__(
        self, source: "EventSource", number: int, functions: "Functions", tell_failure: TellFailure
    ) -> None:
        self.records: asyncio.Queue[Record] = asyncio.Queue()
        self._source = source
        self._id = f"shardId-{number:020d}-{binascii.crc32(source.stream_arn.encode()):08x}"
        self._functions = functions
        self._tell_failure = tell_failure
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
        """Invoke the function until it has handled all records of the batch, or they are given up."""
        retries, invoked = 0, 0
        while batch:
            if self._too_old(batch[0]):
                return await self._give_up(batch, "RecordAgeExceeded", invoked)
            done, error = await self._invoke(batch)
            invoked += 1
            if done == len(batch):
                return None
            if done:
                # What comes first now has not been handled once.
                batch, retries, invoked = batch[done:], 0, 0
            elif error and self._source.bisects and len(batch) > 1:
                # This is no retry, and finds the record that the function fails for.
                half = len(batch) // 2
                await self._handle(batch[:half])
                batch, retries, invoked = batch[half:], 0, 0
                continue
            if self._source.max_retries is not None and retries >= self._source.max_retries:
                return await self._give_up(batch, "RetryAttemptsExhausted", invoked)
            await asyncio.sleep(min(FIRST_PAUSE_SECONDS * 2**retries, LONGEST_PAUSE_SECONDS))
            retries += 1
        return None

    async def _invoke(self, batch: Sequence[Record]) -> tuple[int, bool]:
        """Return how many records, from the first on, are done with; and whether the function failed."""
        payload = json.dumps({"Records": batch}, separators=(",", ":")).encode()
        while True:
            try:
                result = await self._functions.invoke(self._source.function, payload)
                break
            except Throttled:
                await asyncio.sleep(FIRST_PAUSE_SECONDS)
            except TooLarge:
                return 0, True
        if result.error:
            return 0, True
        if not self._source.reports_failures:
            return len(batch), False
        return _done(result.payload, batch), False

    def _too_old(self, record: Record) -> bool:
        written: float = record["dynamodb"]["ApproximateCreationDateTime"]
        return self._source.max_age is not None and time.time() > written + self._source.max_age

    async def _give_up(self, batch: Sequence[Record], condition: str, invoked: int) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html."""
        if self._source.failures_queue is None:
            return
        first, last = batch[0]["dynamodb"], batch[-1]["dynamodb"]
        said = {
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": self._source.function,
                "condition": condition,
                "approximateInvokeCount": invoked,
            },
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "version": "1.0",
            "timestamp": _iso(time.time()),
            "DDBStreamBatchInfo": {
                "shardId": self._id,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
                "batchSize": len(batch),
                "streamArn": self._source.stream_arn,
            },
        }
        await self._tell_failure(self._source.failures_queue, json.dumps(said))


def _done(payload: bytes, batch: Sequence[Record]) -> int:
    """How many records come before the first that has failed; none where the report makes no sense."""
    try:
        failures = (json.loads(payload) or {}).get("batchItemFailures") or []
        failed = {failure["itemIdentifier"] for failure in failures}
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
    numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
    if not failed <= set(numbers):
        return 0
    return min((numbers.index(number) for number in failed), default=len(batch))


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
