"""Replaying failed records: a batch leaves the bucket only when its function has handled all of it."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.utils import utcnow
from moto.s3.models import s3_backends

from scripts.errors import StepFailed
from scripts.operate import redrive
from scripts.operate.redrive import Redrive

BUCKET = "session-service-dev-failed-records-123456789012"
CAPTIONS_BUCKET = "session-service-dev-failed-captions-123456789012"
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:session-service-dev-{}"
FUNCTIONS = {
    ARN.format(name): name for name in ("session_changed", "connections_changed", "translate_captions")
}
HANDLED = {"batchItemFailures": []}


class FakeLambda:
    """Answers each invocation with the next of `responses`, and afterwards as if all records were handled."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.responses: list[dict[str, Any] | Exception] = []

    def invoke(self, **arguments: Any) -> dict[str, Any]:
        self.events.append((arguments["FunctionName"], json.loads(arguments["Payload"])))
        response = self.responses.pop(0) if self.responses else {"body": HANDLED}
        if isinstance(response, Exception):
            raise response
        body = response.pop("body")
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(body).encode()), **response}

    @property
    def records(self) -> list[list[str]]:
        """The sequence numbers of the records of each invocation."""
        return [
            [record["dynamodb"]["SequenceNumber"] for record in event["Records"]] for _, event in self.events
        ]


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket=CAPTIONS_BUCKET)
        yield s3


@pytest.fixture
def lambda_() -> FakeLambda:
    return FakeLambda()


@pytest.fixture
def bucket(s3, lambda_: FakeLambda) -> Redrive:
    return Redrive(s3, lambda_, [BUCKET, CAPTIONS_BUCKET], FUNCTIONS)


def record(number: str, **image: Any) -> dict[str, Any]:
    return {"eventName": "MODIFY", "dynamodb": {"SequenceNumber": number, "NewImage": image}}


def store(
    s3,
    *records: dict[str, Any],
    name: str = "a",
    function: str = "session_changed",
    hours_ago: int = 0,
    bucket: str = BUCKET,
) -> str:
    """Store the invocation record of a batch, as Lambda does, and return its key."""
    key = f"aws/lambda/0b5d1f7e/shardId-0000/2026/11/25/{name}"
    invocation = {
        "requestContext": {
            "requestId": "1",
            "functionArn": function if ":" in function else f"{ARN.format(function)}:live",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 11,
        },
        "version": "1.0",
        "payload": json.dumps({"Records": records}),
    }
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(invocation))
    backend = s3_backends["123456789012"]["aws"]
    backend.get_object(bucket, key).last_modified = utcnow() - timedelta(hours=hours_ago)
    return key


def stored(s3) -> list[str]:
    return [version["Key"] for version in s3.list_object_versions(Bucket=BUCKET).get("Versions", [])]


def test_a_batch_that_is_handled_is_deleted_for_good(
    s3, bucket: Redrive, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str]
):
    store(s3, record("1", language={"S": "español"}), record("2"))

    bucket.replay(only=None)

    assert lambda_.events == [
        (
            f"{ARN.format('session_changed')}:live",
            {"Records": [record("1", language={"S": "español"}), record("2")]},
        )
    ]
    versions = s3.list_object_versions(Bucket=BUCKET)
    assert "Versions" not in versions
    assert "DeleteMarkers" not in versions
    assert capsys.readouterr().out == "Batches replayed: 1, kept: 0\n"


def test_a_batch_of_captions_is_deleted_from_its_bucket_without_versions(
    s3, bucket: Redrive, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str]
):
    store(s3, record("2"), function="translate_captions", bucket=CAPTIONS_BUCKET, hours_ago=1)
    store(s3, record("3"), name="b")
    store(s3, record("1"), name="c", hours_ago=2)

    bucket.replay(only=None)

    assert lambda_.records == [["1"], ["2"], ["3"]]
    assert stored(s3) == []
    assert "Contents" not in s3.list_objects_v2(Bucket=CAPTIONS_BUCKET)
    assert capsys.readouterr().out == "Batches replayed: 3, kept: 0\n"


def test_the_oldest_batch_is_replayed_first(s3, bucket: Redrive, lambda_: FakeLambda):
    store(s3, record("3"), name="a", hours_ago=1)
    store(s3, record("1"), name="b", hours_ago=3)
    store(s3, record("2"), name="c", hours_ago=2)

    bucket.replay(only=None)

    assert lambda_.records == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ({"body": {"errorMessage": "no such row"}, "FunctionError": "Unhandled"}, "no such row"),
        ({"body": {"batchItemFailures": [{"itemIdentifier": "1"}]}}, "did not handle all records"),
        ({"body": {"batchItemFailures": [{}]}}, "did not handle all records"),
        ({"body": "done"}, "did not handle all records"),
        (ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke"), "TooManyRequestsException"),
    ],
)
def test_a_batch_that_fails_again_is_kept_and_the_others_are_replayed(
    s3, bucket: Redrive, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str], response: Any, reason: str
):
    failing = store(s3, record("1"), name="a", hours_ago=1)
    store(s3, record("2"), name="b")
    lambda_.responses = [response]

    with pytest.raises(StepFailed, match=r"^Batches replayed: 1, kept: 1$"):
        bucket.replay(only=None)

    assert lambda_.records == [["1"], ["2"]]
    assert stored(s3) == [failing]
    output = capsys.readouterr().out
    assert failing in output
    assert reason in output


@pytest.mark.parametrize("body", [None, {}, {"batchItemFailures": None}, {"batchItemFailures": []}])
def test_every_response_that_lambda_takes_for_a_success_is_one(
    s3, bucket: Redrive, lambda_: FakeLambda, body: Any
):
    store(s3, record("1"))
    lambda_.responses = [{"body": body}]

    bucket.replay(only=None)

    assert stored(s3) == []


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:lambda:eu-central-1:123456789012:function:session-service-prod-session_changed:live",
        "arn:aws:lambda:eu-central-1:999999999999:function:session-service-dev-session_changed:live",
        "arn:aws:lambda:eu-central-1:123456789012:function:session-service-dev-session_changed",
    ],
)
def test_only_aliases_of_the_environment_are_invoked(s3, bucket: Redrive, lambda_: FakeLambda, arn: str):
    key = store(s3, record("1"), function=arn)

    with pytest.raises(StepFailed, match="kept: 1"):
        bucket.replay(only=None)

    assert lambda_.events == []
    assert stored(s3) == [key]


@pytest.mark.parametrize("body", ["no JSON", "[]", '{"requestContext": {}}', '{"payload": "{}"}'])
def test_an_object_that_is_no_batch_is_kept_and_the_others_are_replayed(
    s3, bucket: Redrive, lambda_: FakeLambda, body: str
):
    s3.put_object(Bucket=BUCKET, Key="aws/lambda/0/other", Body=body)
    store(s3, record("1"))

    with pytest.raises(StepFailed, match="replayed: 1, kept: 1"):
        bucket.replay(only=None)

    assert stored(s3) == ["aws/lambda/0/other"]


def test_an_object_that_another_run_has_deleted_is_skipped(
    s3, bucket: Redrive, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str]
):
    store(s3, record("1"), name="a", hours_ago=1)
    key = store(s3, record("2"), name="b")
    invoke = lambda_.invoke

    def delete_and_invoke(**arguments: Any) -> dict[str, Any]:
        s3.delete_object(Bucket=BUCKET, Key=key)
        return invoke(**arguments)

    lambda_.invoke = delete_and_invoke  # type: ignore[method-assign]
    bucket.replay(only=None)

    assert lambda_.records == [["1"]]
    assert capsys.readouterr().out == "Batches replayed: 1, kept: 0, deleted by another run: 1\n"


def test_two_runs_at_once_may_both_replay_a_batch(s3, bucket: Redrive, lambda_: FakeLambda):
    store(s3, record("1"))
    invoke = lambda_.invoke

    def run_again_and_invoke(**arguments: Any) -> dict[str, Any]:
        lambda_.invoke = invoke  # type: ignore[method-assign]
        bucket.replay(only=None)
        return invoke(**arguments)

    lambda_.invoke = run_again_and_invoke  # type: ignore[method-assign]
    bucket.replay(only=None)

    assert lambda_.records == [["1"], ["1"]]
    assert stored(s3) == []


def test_a_batch_above_the_limit_of_an_invocation_is_split_in_order(
    s3, bucket: Redrive, lambda_: FakeLambda, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redrive, "MAX_PAYLOAD_BYTES", 300)
    store(s3, *(record(str(number)) for number in range(7)))

    bucket.replay(only=None)

    assert len(lambda_.events) > 1
    assert [number for numbers in lambda_.records for number in numbers] == list("0123456")
    assert all(len(json.dumps(event, separators=(",", ":"))) <= 300 for _, event in lambda_.events)
    assert stored(s3) == []


def test_a_batch_is_kept_when_one_of_its_parts_fails(
    s3, bucket: Redrive, lambda_: FakeLambda, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(redrive, "MAX_PAYLOAD_BYTES", 100)
    key = store(s3, record("1"), record("2"))
    lambda_.responses = [{"body": HANDLED}, {"body": {"batchItemFailures": [{"itemIdentifier": "2"}]}}]

    with pytest.raises(StepFailed):
        bucket.replay(only=None)

    assert stored(s3) == [key]


def test_batches_of_one_function_can_be_replayed_alone(s3, bucket: Redrive, lambda_: FakeLambda):
    store(s3, record("1"), name="a", function="session_changed")
    other = store(s3, record("2"), name="b", function="connections_changed")
    removed = store(s3, record("3"), name="c", function=f"{ARN.format('removed')}:live")

    bucket.replay(only="session_changed")

    assert lambda_.records == [["1"]]
    assert stored(s3) == [other, removed]


def test_the_batches_can_be_listed_without_replaying_them(
    s3, bucket: Redrive, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str]
):
    young = store(s3, record("3"), name="a", hours_ago=2)
    old = store(s3, record("1"), record("2"), name="b", hours_ago=49)
    store(s3, record("4"), name="c", function="connections_changed")

    bucket.show("session_changed", datetime.now(UTC))

    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["2", "days,", "1:00:00", "session_changed", "2", "records", "RetryAttemptsExhausted", old],
        ["2:00:00", "session_changed", "1", "records", "RetryAttemptsExhausted", young],
    ]
    assert lines[2:] == ["Batches found: 2, records: 3. Nothing was replayed."]
    assert lambda_.events == []
    assert len(stored(s3)) == 3


def test_progress_is_reported_every_two_seconds(s3, lambda_: FakeLambda, capsys: pytest.CaptureFixture[str]):
    for number in range(4):
        store(s3, record(str(number)), name=str(number), hours_ago=9 - number)
    seconds = iter(float(second) for second in range(100))
    bucket = Redrive(s3, lambda_, [BUCKET], FUNCTIONS, clock=lambda: next(seconds))

    bucket.replay(only=None)

    assert capsys.readouterr().err.splitlines() == [
        f"Reading 4 objects of {BUCKET}", "1 of 4", "3 of 4",
    ]  # fmt: skip


def test_replaying_is_refused_while_the_local_system_is_not_running(
    tmp_path, capsys: pytest.CaptureFixture[str]
):
    code = redrive.main(["local"], work=tmp_path)

    assert code == 2
    assert "make run" in capsys.readouterr().err
