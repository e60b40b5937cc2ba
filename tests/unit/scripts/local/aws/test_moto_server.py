"""The local AWS writes stream records as DynamoDB does."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import local_system
from scripts.local.aws import local_aws
from tests.support.eventually import eventually

FUNCTION = "consumer"


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """The stream records that were posted, in order."""
    return []


@pytest.fixture
def streams_url(records: list[dict[str, Any]]) -> Iterator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            records.extend(posted["record"] for posted in json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def dynamodb(tmp_path: Path, streams_url: str) -> Iterator[Any]:
    """A client of a local AWS with a table whose stream invokes a function."""
    with local_aws.running(tmp_path / "log", streams_url) as aws:
        dynamodb, iam, lambda_ = (
            local_system.aws_client(service, aws.url) for service in ("dynamodb", "iam", "lambda")
        )
        table = dynamodb.create_table(
            TableName="things",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        lambda_.create_function(
            FunctionName=FUNCTION, Runtime="python3.11", Role=role, Handler="handler.handler",
            Code={"ZipFile": code.getvalue()},
        )  # fmt: skip
        lambda_.create_event_source_mapping(
            FunctionName=FUNCTION, EventSourceArn=table["LatestStreamArn"], StartingPosition="LATEST"
        )
        yield dynamodb


def test_a_write_that_changes_nothing_writes_no_stream_record(dynamodb: Any, records: list[dict[str, Any]]):
    key = {"id": {"S": "one"}}

    def put(value: str) -> None:
        dynamodb.put_item(TableName="things", Item={**key, "content": {"S": value}})

    def update(value: str) -> None:
        dynamodb.update_item(
            TableName="things",
            Key=key,
            UpdateExpression="SET content = :content",
            ExpressionAttributeValues={":content": {"S": value}},
        )

    put("first")
    put("first")
    update("first")
    update("second")
    dynamodb.delete_item(TableName="things", Key=key)
    dynamodb.delete_item(TableName="things", Key=key)
    put("last")

    eventually(lambda: records and "last" in str(records[-1]))
    assert [record["eventName"] for record in records] == ["INSERT", "MODIFY", "REMOVE", "INSERT"]
