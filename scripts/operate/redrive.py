"""Replay the stream records that Lambda has stored in S3 after the last retry.

python -m scripts.operate.redrive ENV [--only FUNCTION] [--dry-run]

Each object in the two buckets, of failed records and of failed captions, is one batch that failed. Its
function is invoked with the batch again, and the object is deleted if the function handled all of it. Any
batch may be replayed at any time and more than once: the functions read the tables, and do nothing for a
record whose work is done or no longer needed.
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts import command_line, environments
from scripts.command_line import report_progress
from scripts.errors import PreconditionFailed, StepFailed
from scripts.local_system import DEFAULT_WORK
from scripts.project import ROOT

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""The largest event of a synchronous invocation.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

PROGRESS_SECONDS = 2.0
# Of a response, in characters: a traceback is long, and it is in the function's log.
_SHOWN_CHARACTERS = 300
# The consumers of streams have a timeout of 60 s.
_INVOCATION_SECONDS = 70

Record = Mapping[str, Any]


class NotReplayed(Exception):
    """A batch stays in the bucket; the message is the reason."""


@dataclass(frozen=True)
class Batch:
    """One object of a bucket. `alias_arn` is what Lambda invoked, `condition` why it stopped to retry.

    `version_id` is None where the bucket has no versions.
    """

    bucket: str
    key: str
    version_id: str | None
    stored_at: datetime
    alias_arn: str
    condition: str
    records: Sequence[Record]


@dataclass(frozen=True)
class Redrive:
    """The buckets of an environment, and the names of its functions by their ARNs, which have no alias."""

    s3: Any
    lambda_: Any
    buckets: Sequence[str]
    functions: Mapping[str, str]
    clock: Callable[[], float] = time.monotonic

    def show(self, only: str | None, now: datetime) -> None:
        """Print a line for each batch, the oldest first, and the totals; `only` names one function."""
        counts = Counter[str]()
        for bucket, key in self._keys():
            try:
                batch = self._read(bucket, key)
            except NotReplayed as reason:
                print(f"{key}: {reason}")
                continue
            if batch and self._selected(batch, only):
                age = str(now - batch.stored_at).partition(".")[0]
                function = self._function(batch) or batch.alias_arn
                print(f"{age:>17}  {function}  {len(batch.records)} records  {batch.condition}  {key}")
                counts.update(batches=1, records=len(batch.records))
        print(f"Batches found: {counts['batches']}, records: {counts['records']}. Nothing was replayed.")

    def replay(self, only: str | None) -> None:
        """Replay the batches, the oldest first; `only` names one function.

        Print each batch that is kept, and the totals. Raises StepFailed when a batch was kept.
        """
        counts = Counter[str](replayed=0, kept=0)
        for bucket, key in self._keys():
            try:
                batch = self._read(bucket, key)
                if batch is None:
                    counts["gone"] += 1
                elif self._selected(batch, only):
                    self._replay(batch)
                    counts["replayed"] += 1
            except NotReplayed as reason:
                counts["kept"] += 1
                print(f"Kept {key}: {reason}", flush=True)
        totals = f"Batches replayed: {counts['replayed']}, kept: {counts['kept']}"
        if counts["gone"]:
            totals += f", deleted by another run: {counts['gone']}"
        if counts["kept"]:
            raise StepFailed(totals)
        print(totals)

    def _keys(self) -> Iterator[tuple[str, str]]:
        """Yield bucket and key of each object, the oldest first, and report the progress."""
        paginator = self.s3.get_paginator("list_objects_v2")
        objects = [
            (entry["LastModified"], bucket, entry["Key"])
            for bucket in self.buckets
            for page in paginator.paginate(Bucket=bucket, Prefix="aws/lambda/")
            for entry in page.get("Contents", [])
        ]
        report_progress(f"Reading {len(objects)} objects of {', '.join(self.buckets)}")
        next_report = self.clock() + PROGRESS_SECONDS
        for number, (_, bucket, key) in enumerate(sorted(objects)):
            if self.clock() >= next_report:
                report_progress(f"{number} of {len(objects)}")
                next_report = self.clock() + PROGRESS_SECONDS
            yield bucket, key

    def _read(self, bucket: str, key: str) -> Batch | None:
        """Return the batch of an object, or None when it was deleted after it was listed."""
        try:
            found = self.s3.get_object(Bucket=bucket, Key=key)
        except self.s3.exceptions.NoSuchKey:
            return None
        try:
            invocation = json.loads(found["Body"].read())
            return Batch(
                bucket=bucket,
                key=key,
                version_id=found.get("VersionId"),
                stored_at=found["LastModified"],
                alias_arn=str(invocation["requestContext"]["functionArn"]),
                condition=str(invocation["requestContext"]["condition"]),
                records=list(json.loads(invocation["payload"])["Records"]),
            )
        except (ValueError, KeyError, TypeError):
            raise NotReplayed("It is not the invocation record of a batch.") from None

    def _function(self, batch: Batch) -> str | None:
        return self.functions.get(batch.alias_arn.rpartition(":")[0])

    def _selected(self, batch: Batch, only: str | None) -> bool:
        return only is None or self._function(batch) == only

    def _replay(self, batch: Batch) -> None:
        if self._function(batch) is None:
            raise NotReplayed(f"{batch.alias_arn} is not an alias of a function of this environment.")
        for event in events(batch.records):
            self._invoke(batch.alias_arn, event)
        # The version: deleting the key alone would leave the object as an old version.
        version = {"VersionId": batch.version_id} if batch.version_id else {}
        self.s3.delete_object(Bucket=batch.bucket, Key=batch.key, **version)

    def _invoke(self, alias_arn: str, event: bytes) -> None:
        """Invoke the function. Raises NotReplayed unless it handled all records."""
        try:
            response = self.lambda_.invoke(FunctionName=alias_arn, Payload=event)
            payload = response["Payload"].read().decode()
        except (ClientError, BotoCoreError) as error:
            raise NotReplayed(f"AWS returned an error: {error}") from None
        if "FunctionError" in response:
            raise NotReplayed(f"The function failed: {payload[:_SHOWN_CHARACTERS]}")
        if not handled_all(payload):
            raise NotReplayed(f"The function did not handle all records: {payload[:_SHOWN_CHARACTERS]}")


def events(records: Sequence[Record]) -> Iterator[bytes]:
    """Yield the events for these records: one, or as many as the limit of an invocation requires."""
    event = json.dumps({"Records": records}, ensure_ascii=False, separators=(",", ":")).encode()
    if len(event) <= MAX_PAYLOAD_BYTES or len(records) == 1:
        yield event
    else:
        half = len(records) // 2
        yield from events(records[:half])
        yield from events(records[half:])


def handled_all(payload: str) -> bool:
    """Return whether a response reports no failed record.

    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
    """
    try:
        response = json.loads(payload) or {}
    except ValueError:
        return False
    return isinstance(response, dict) and not response.get("batchItemFailures")


def main(
    arguments: Sequence[str] | None = None,
    project: Path = ROOT,
    work: Path = DEFAULT_WORK,
) -> int:
    """Replay or show the batches and return the exit code of scripts.command_line; 1 when some were kept."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.operate.redrive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("environment", help=environments.ARGUMENT_HELP)
    parser.add_argument("--only", metavar="FUNCTION", help="only batches of this function: session_changed")
    parser.add_argument("--dry-run", action="store_true", help="list the batches and change nothing")
    options = parser.parse_args(arguments)

    def run() -> None:
        environment = environments.find(options.environment, project, work)
        report_progress(f"Reading the outputs of {environment.name}")
        environment.init()
        outputs = environment.outputs()
        functions = {arn: name for name, arn in outputs["function_arns"].items()}
        if options.only and options.only not in functions.values():
            names = ", ".join(functions.values())
            raise PreconditionFailed(f"{environment.name} has no function {options.only!r}. It has: {names}.")
        redrive = Redrive(
            environment.client("s3"),
            environment.client("lambda", read_timeout=_INVOCATION_SECONDS),
            [outputs["failed_records_bucket"], outputs["failed_captions_bucket"]],
            functions,
        )
        if options.dry_run:
            redrive.show(options.only, datetime.now(UTC))
        else:
            redrive.replay(options.only)

    return command_line.run(run)


if __name__ == "__main__":
    sys.exit(main())
