"""The local AWS writes stream records as DynamoDB does, and refuses what a function's role does not allow."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from scripts import local_system
from scripts.local.aws import local_aws
from tests.support.conflicts import inject_conflicts
from tests.support.eventually import eventually

FUNCTION = "function"


POSTED: list[dict[str, Any]] = []


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """The stream records that were posted, in order."""
    POSTED.clear()
    return POSTED


@pytest.fixture(scope="module")
def streams_url() -> Iterator[str]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            POSTED.extend(posted["record"] for posted in json.loads(body))
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


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory, streams_url: str) -> Iterator[str]:
    with local_aws.running(tmp_path_factory.mktemp("aws") / "log", streams_url) as aws:
        yield aws.url


@pytest.fixture
def aws_url(server_url: str) -> str:
    """Return the URL of a local AWS that is empty."""
    requests.post(f"{server_url}/moto-api/reset", timeout=60).raise_for_status()
    return server_url


@pytest.fixture
def dynamodb(aws_url: str) -> Any:
    """A client of a local AWS with a table that has a stream, and a function whose role allows nothing."""
    dynamodb, iam, lambda_ = (
        local_system.aws_client(service, aws_url) for service in ("dynamodb", "iam", "lambda")
    )
    dynamodb.create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    role = iam.create_role(RoleName="any", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", "")
    lambda_.create_function(
        FunctionName=FUNCTION, Runtime="python3.11", Role=role, Handler="handler.handler",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    return dynamodb


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


def test_an_update_that_creates_an_item_writes_one_stream_record(
    dynamodb: Any, records: list[dict[str, Any]]
):
    for value in ("first", "second"):
        dynamodb.update_item(
            TableName="things",
            Key={"id": {"S": "one"}},
            UpdateExpression="SET content = :content",
            ExpressionAttributeValues={":content": {"S": value}},
        )

    eventually(lambda: records and "second" in str(records[-1]))
    created, changed = records
    assert (created["eventName"], changed["eventName"]) == ("INSERT", "MODIFY")
    assert created["dynamodb"]["NewImage"] == changed["dynamodb"]["OldImage"]
    assert created["dynamodb"]["NewImage"] == {"id": {"S": "one"}, "content": {"S": "first"}}
    assert "OldImage" not in created["dynamodb"]


def test_records_that_a_batch_deletes_are_in_the_stream(dynamodb: Any, records: list[dict[str, Any]]):
    ids = [{"id": {"S": str(number)}} for number in range(25)]
    for item in ids:
        dynamodb.put_item(TableName="things", Item=item)

    dynamodb.batch_write_item(RequestItems={"things": [{"DeleteRequest": {"Key": key}} for key in ids]})

    eventually(lambda: len(records) == 50)
    assert [record["dynamodb"]["Keys"] for record in records[25:]] == ids
    assert {record["eventName"] for record in records[25:]} == {"REMOVE"}


def client_of_function(aws_url: str) -> Any:
    """Return a client that signs as the function."""
    session: Any = boto3.Session(FUNCTION, "local", "local", region_name=local_system.REGION)
    return session.client("dynamodb", endpoint_url=aws_url)


def allow(aws_url: str, *actions: str) -> None:
    """Let the function take the actions on the table `things`."""
    statement = {
        "Effect": "Allow",
        "Action": actions,
        "Resource": f"arn:aws:dynamodb:{local_system.REGION}:123456789012:table/things",
    }
    local_system.aws_client("iam", aws_url).put_role_policy(
        RoleName="any",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )


def test_a_function_may_write_a_batch_only_if_its_role_allows_it_on_the_table(dynamodb: Any, aws_url: str):
    client = client_of_function(aws_url)
    batch = {"things": [{"DeleteRequest": {"Key": {"id": {"S": "one"}}}}]}

    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.batch_write_item(RequestItems=batch)
    allow(aws_url, "dynamodb:BatchWriteItem")
    client.batch_write_item(RequestItems=batch)


def test_a_function_may_run_a_transaction_only_if_its_role_allows_the_action_of_each_item(
    dynamodb: Any, aws_url: str
):
    client = client_of_function(aws_url)
    items = [
        {"Put": {"TableName": "things", "Item": {"id": {"S": "one"}}}},
        {"Delete": {"TableName": "things", "Key": {"id": {"S": "two"}}}},
    ]

    for action in ("dynamodb:TransactWriteItems", "dynamodb:PutItem"):
        allow(aws_url, action)
        with pytest.raises(ClientError, match="AccessDeniedException"):
            client.transact_write_items(TransactItems=items)
    allow(aws_url, "dynamodb:PutItem", "dynamodb:DeleteItem")
    client.transact_write_items(TransactItems=items)

    assert [item["id"]["S"] for item in dynamodb.scan(TableName="things")["Items"]] == ["one"]


def test_a_test_can_inject_conflicts_over_http(dynamodb: Any, aws_url: str):
    inject_conflicts(aws_url, "things", 1)

    with pytest.raises(ClientError, match="TransactionConflictException"):
        dynamodb.put_item(TableName="things", Item={"id": {"S": "one"}})
    dynamodb.put_item(TableName="things", Item={"id": {"S": "one"}})


def test_a_cancelled_transaction_writes_no_stream_record(dynamodb: Any, records: list[dict[str, Any]]):
    puts = [
        {
            "Put": {
                "TableName": "things",
                "Item": {"id": {"S": id_}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }
        for id_ in ("one", "two")
    ]
    dynamodb.put_item(TableName="things", Item={"id": {"S": "two"}})

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(TransactItems=puts)
    dynamodb.delete_item(TableName="things", Key={"id": {"S": "two"}})
    dynamodb.transact_write_items(TransactItems=puts)

    eventually(lambda: len(records) == 4)
    assert [record["eventName"] for record in records] == ["INSERT", "REMOVE", "INSERT", "INSERT"]
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in records] == ["two", "two", "one", "two"]


def test_a_function_may_put_a_record_only_if_its_role_allows_it_on_the_stream(dynamodb: Any, aws_url: str):
    local_system.aws_client("kinesis", aws_url).create_stream(StreamName="audio", ShardCount=1)
    session: Any = boto3.Session(FUNCTION, "local", "local", region_name=local_system.REGION)
    client = session.client("kinesis", endpoint_url=aws_url)
    record = {"StreamName": "audio", "PartitionKey": "key", "Data": b"audio"}

    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.put_record(**record)
    statement = {
        "Effect": "Allow",
        "Action": ["kinesis:PutRecord"],
        "Resource": f"arn:aws:kinesis:{local_system.REGION}:123456789012:stream/audio",
    }
    local_system.aws_client("iam", aws_url).put_role_policy(
        RoleName="any",
        PolicyName="own",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    client.put_record(**record)


def test_records_that_are_put_at_once_are_all_kept(aws_url: str):
    client = local_system.aws_client("kinesis", aws_url)
    client.create_stream(StreamName="audio", ShardCount=1)
    texts = [f"chunk {number}".encode() for number in range(200)]

    def put(text: bytes) -> None:
        client.put_record(StreamName="audio", PartitionKey="key", Data=text)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(put, texts))

    (shard,) = client.list_shards(StreamName="audio")["Shards"]
    iterator = client.get_shard_iterator(
        StreamName="audio", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = client.get_records(ShardIterator=iterator)["Records"]
    assert sorted(record["Data"] for record in records) == sorted(texts)


@pytest.fixture
def s3(dynamodb: Any, aws_url: str) -> Any:
    """The client of the function, and a bucket `voice` whose MP3 files its role may write and read."""
    local_system.aws_client("s3", aws_url).create_bucket(Bucket="voice")
    allow_on(aws_url, ["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::voice/*.mp3")
    session: Any = boto3.Session(FUNCTION, "local", "local", region_name=local_system.REGION)
    return session.client("s3", endpoint_url=aws_url, config=Config(signature_version="s3v4"))


def allow_on(aws_url: str, actions: list[str], resource: str) -> None:
    """Allow the function's role to do this, and nothing else."""
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = local_system.aws_client("iam", aws_url)
    iam.put_role_policy(RoleName="any", PolicyName="own", PolicyDocument=document)


def url_of(s3: Any, key: str, seconds: int = 600) -> str:
    url: str = s3.generate_presigned_url(
        "get_object", Params={"Bucket": "voice", "Key": key}, ExpiresIn=seconds
    )
    return url


def test_a_function_may_use_s3_only_as_its_role_allows(s3: Any):
    s3.put_object(Bucket="voice", Key="a#1/1/es.mp3", Body=b"voice")
    assert s3.get_object(Bucket="voice", Key="a#1/1/es.mp3")["Body"].read() == b"voice"

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="voice", Key="a.txt", Body=b"text")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket="voice", Key="a#1/1/es.mp3")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket="voice")


def test_a_presigned_url_needs_no_credentials_and_may_do_what_its_function_may(s3: Any, aws_url: str):
    s3.put_object(Bucket="voice", Key="a#1/1/es.mp3", Body=b"voice")
    url = url_of(s3, "a#1/1/es.mp3")

    assert requests.get(url, timeout=10).content == b"voice"
    assert requests.get(url, headers={"Range": "bytes=1-2"}, timeout=10).content == b"oi"
    assert requests.get(url.partition("?")[0], timeout=10).status_code == 403
    assert requests.get(url_of(s3, "a.txt"), timeout=10).status_code == 403
    allow_on(aws_url, ["s3:PutObject"], "arn:aws:s3:::voice/*")
    assert requests.get(url, timeout=10).status_code == 403


def test_a_presigned_url_that_has_expired_is_refused(s3: Any):
    s3.put_object(Bucket="voice", Key="a.mp3", Body=b"voice")

    response = requests.get(url_of(s3, "a.mp3", seconds=0), timeout=10)

    assert response.status_code == 403
    assert "Request has expired" in response.text
