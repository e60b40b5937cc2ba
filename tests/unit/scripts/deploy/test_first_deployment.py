"""`make smoke` checks what only AWS can prove, and docs/first-deployment.md has each of its lines."""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts import environments
from scripts.deploy import first_deployment
from scripts.deploy.first_deployment import CHECKS, PROVED_BY_THE_SMOKE_TEST, Check, Deployment
from scripts.errors import StepFailed
from scripts.local_system import RunningSystem
from scripts.project import ROOT

AWS = boto3.Session(region_name="us-east-1")  # shared, because creating a session is slow
HTTP_LOG = "/aws/apigateway/session-service-dev"
WEBSOCKET_LOG = f"{HTTP_LOG}-websocket"
LINE = {"requestId": "r1", "integrationId": "i1", "connectionId": "c1", "eventType": "CONNECT"}


class Environment(environments.Environment):
    def client(self, service: str) -> Any:
        return AWS.client(service)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_deployment, "WAIT_SECONDS", 0)


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    with mock_aws():
        role = AWS.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        function = AWS.client("lambda").create_function(
            FunctionName="session_changed", Runtime="python3.11", Role=role, Handler="handler.handler",
            Code={"ZipFile": code.getvalue()}, Publish=True,
        )  # fmt: skip
        AWS.client("lambda").create_alias(FunctionName="session_changed", Name="live", FunctionVersion="1")
        outputs = {"function_arns": {"session_changed": function["FunctionArn"].removesuffix(":1")}}
        since = datetime.now(UTC) - timedelta(minutes=1)
        yield Deployment(Environment("dev", ROOT), outputs, since)


def count(namespace: str, name: str, dimensions: Mapping[str, str]) -> None:
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    metric = {"MetricName": name, "Dimensions": pairs, "Value": 1, "Timestamp": datetime.now(UTC)}
    AWS.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[metric])


def log(group: str, *lines: Mapping[str, str]) -> None:
    logs = AWS.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="stream")
    now = round(time.time() * 1000)
    events = [{"timestamp": now, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="stream", logEvents=events)


def test_a_metric_that_a_function_printed_is_found(deployment: Deployment):
    count("SessionManagement", "SessionCreationCount", {"Environment": "dev"})

    first_deployment.check_metrics(deployment)


def test_a_metric_that_cloudwatch_does_not_have_is_reported(deployment: Deployment):
    with pytest.raises(StepFailed, match="CloudWatch has no SessionCreationCount"):
        first_deployment.check_metrics(deployment)


def create_mapping(deployment: Deployment) -> str:
    table = AWS.client("dynamodb").create_table(
        TableName="sessions",
        KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sessionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    mapping = AWS.client("lambda").create_event_source_mapping(
        FunctionName=f"{deployment.outputs['function_arns']['session_changed']}:live",
        EventSourceArn=table["LatestStreamArn"],
        StartingPosition="LATEST",
    )
    uuid: str = mapping["UUID"]
    return uuid


def test_records_that_lambda_filtered_out_are_found(deployment: Deployment):
    uuid = create_mapping(deployment)
    count("AWS/Lambda", "FilteredOutEventCount", {"EventSourceMappingUUID": uuid})

    first_deployment.check_stream_filter(deployment)


def test_a_mapping_that_filters_nothing_out_is_reported(deployment: Deployment):
    create_mapping(deployment)

    with pytest.raises(StepFailed, match="CloudWatch has no FilteredOutEventCount"):
        first_deployment.check_stream_filter(deployment)


def test_a_missing_event_source_mapping_is_reported(deployment: Deployment):
    with pytest.raises(StepFailed, match="session_changed:live has 0 event source mappings"):
        first_deployment.check_stream_filter(deployment)


def test_lines_of_the_access_logs_are_found(deployment: Deployment):
    log(HTTP_LOG, {**LINE, "routeKey": "POST /sessions", "status": "201"})
    log(
        WEBSOCKET_LOG,
        {**LINE, "routeKey": "$connect", "status": "200"},
        {**LINE, "routeKey": "$connect", "status": "404"},
    )

    first_deployment.check_access_logs(deployment)


def test_a_line_that_the_access_log_does_not_have_is_reported(deployment: Deployment):
    log(HTTP_LOG, {**LINE, "routeKey": "POST /sessions", "status": "401"})

    with pytest.raises(StepFailed, match="has no line of POST /sessions with the status 201"):
        first_deployment.check_access_logs(deployment)


def test_a_field_that_the_access_log_does_not_fill_is_reported(deployment: Deployment):
    log(HTTP_LOG, {**LINE, "routeKey": "POST /sessions", "status": "201"})
    log(WEBSOCKET_LOG, {**LINE, "routeKey": "$connect", "status": "200", "integrationId": "-"})

    with pytest.raises(StepFailed, match=r"has a line of \$connect without integrationId"):
        first_deployment.check_access_logs(deployment)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the checks by one that holds, one that fails and one that needs no AWS; return their calls."""
    calls: list[str] = []

    def fail(_: Deployment) -> None:
        calls.append("fails")
        raise StepFailed("no such field.")

    monkeypatch.setattr(first_deployment.smoke_test, "run", lambda *_: calls.append("smoke test"))
    monkeypatch.setattr(first_deployment, "CHECKS", (
        Check("water is wet", lambda _: calls.append("holds")),
        Check("ice is hot", fail),
        Check("one is one", lambda _: calls.append("holds anywhere"), only_in_aws=False),
    ))  # fmt: skip
    return calls


def test_every_check_is_reported_after_one_that_failed(checks: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(StepFailed, match=r"Failed checks: 1\. docs/first-deployment\.md"):
        first_deployment.run(Environment("dev", ROOT), {}, "1.0.0")

    assert checks == ["smoke test", "holds", "fails", "holds anywhere"]
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "ok    water is wet",
        "FAIL  ice is hot: no such field.",
        "ok    one is one",
    ]


def test_checks_that_need_aws_are_skipped_on_the_local_system(
    checks: list[str], capsys: pytest.CaptureFixture[str]
):
    running = RunningSystem(pid=1, url="http://127.0.0.1:1", console_url="")

    first_deployment.run(Environment("local", ROOT, running), {}, "1.0.0")

    assert checks == ["smoke test", "holds anywhere"]
    assert "skip  water is wet (only in AWS)" in capsys.readouterr().out


def test_the_page_has_the_line_of_each_check():
    page = (ROOT / "docs" / "first-deployment.md").read_text()

    for assumption in (*PROVED_BY_THE_SMOKE_TEST, *(check.assumption for check in CHECKS)):
        assert f"ok    {assumption}" in page
