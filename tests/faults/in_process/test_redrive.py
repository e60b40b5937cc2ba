"""`make redrive` on the local system: a batch that Lambda gave up reaches its listeners after all."""

import json
from typing import Any

import pytest

from scripts import local_system
from scripts.local.lambda_.invocation import Result
from scripts.local.system import System
from scripts.operate import redrive
from scripts.project import ROOT
from tests.faults.in_process.conftest import Session
from tests.support.eventually import eventually


def test_an_end_that_failed_is_replayed_and_its_batch_is_deleted(
    session: Session,
    local: System,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    listener = session.listener()
    lost: list[bytes] = []
    invoke = local.functions.invoke

    async def lose(function: str, payload: bytes, **options: Any) -> Result:
        if not function.endswith("-session_changed"):
            return await invoke(function, payload, **options)
        if b'"endedAt"' in payload:  # not the count of the listener
            lost.append(payload)
        return Result(b'{"batchItemFailures": []}')

    with monkeypatch.context() as patched:
        patched.setattr(local.functions, "invoke", lose)
        session.end()
        eventually(lambda: lost)
    (source,) = (entry for entry in local.config.event_sources if entry.function.endswith("-session_changed"))
    bucket, s3 = source.failed_records_bucket, local_system.aws_client("s3", local.aws.url)
    invocation = {
        "requestContext": {"functionArn": source.function_arn, "condition": "RetryAttemptsExhausted"},
        "payload": lost[0].decode(),
    }
    key = f"aws/lambda/{source.uuid}/shardId-0/2026/11/25/one"
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(invocation))

    listed = redrive.main(["local", "--dry-run"], ROOT, local.work)
    still_open = not listener.closed
    replayed = redrive.main(["local", "--only", "session_changed"], ROOT, local.work)

    assert (listed, replayed) == (0, 0)
    assert still_open
    output = capsys.readouterr().out
    assert key in output
    assert "Batches replayed: 1, kept: 0" in output
    eventually(lambda: listener.closed)
    assert listener.types() == ["sessionEnded"]
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket=bucket)
