"""Kinesis: which request the SDK sends, and what each response means."""

import base64
import json

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from shared.audio.chunk import MAX_BYTES
from shared.aws.audio_stream import KinesisAudioStream, create_client
from shared.errors import ServiceUnavailable
from tests.support.audio import AUDIO_STREAM, a_chunk, base64_of, pcm
from tests.support.sdk_responses import AwsService, RawBody
from tests.support.sessions import NOW

URL = "https://kinesis.eu-west-1.amazonaws.com/"


def response(status: int, body: bytes) -> AWSResponse:
    return AWSResponse(URL, status, {"Content-Type": "application/x-amz-json-1.1"}, RawBody(body))


def put() -> AWSResponse:
    body = {"SequenceNumber": "4957", "ShardId": "shardId-000000000000", "EncryptionType": "KMS"}
    return response(200, json.dumps(body).encode())


def error(status: int, code: str) -> AWSResponse:
    return response(status, json.dumps({"__type": code, "message": "Rate exceeded for shard"}).encode())


@pytest.fixture
def kinesis() -> AwsService:
    return AwsService(lambda request: put())


@pytest.fixture
def stream(kinesis: AwsService) -> KinesisAudioStream:
    client = create_client()
    client.meta.events.register("before-send.kinesis", kinesis)
    return KinesisAudioStream(client, AUDIO_STREAM)


def test_a_chunk_is_put_with_one_request(kinesis: AwsService, stream: KinesisAudioStream):
    stream.put(a_chunk(sequence=7))

    (request,) = kinesis.requests
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["X-Amz-Target"] == b"Kinesis_20131202.PutRecord"
    body = json.loads(request.body)
    assert (body["StreamName"], body["PartitionKey"]) == (AUDIO_STREAM, f"blessed-shepherd-427#{NOW}")
    assert json.loads(base64.b64decode(body["Data"])) == {
        "sessionId": "blessed-shepherd-427",
        "sessionCreatedAt": NOW,
        "sequence": 7,
        "timestamp": NOW,
        "audioData": base64_of(pcm()),
    }


def test_the_record_of_a_chunk_without_a_sequence_has_none(kinesis: AwsService, stream: KinesisAudioStream):
    stream.put(a_chunk(sequence=None))

    data = json.loads(base64.b64decode(json.loads(kinesis.requests[0].body)["Data"]))
    assert data.keys() == {"sessionId", "sessionCreatedAt", "timestamp", "audioData"}


def test_the_longest_record_is_smaller_than_kinesis_allows(kinesis: AwsService, stream: KinesisAudioStream):
    stream.put(a_chunk(audio=pcm(MAX_BYTES)))

    # 1 MB for a stream whose limit was not raised: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
    assert len(base64.b64decode(json.loads(kinesis.requests[0].body)["Data"])) < 1024 * 1024


FAILURES = {
    "throttled": error(400, "ProvisionedThroughputExceededException"),
    "too many requests": error(400, "ThrottlingException"),
    "limit exceeded": error(400, "LimitExceededException"),
    "the key is throttled": error(400, "KMSThrottlingException"),
    "internal error": error(500, "InternalFailure"),
    "unavailable": error(503, "ServiceUnavailable"),
    "a proxy's page": response(200, b"<html>captive portal</html>"),
    "a gateway's page": response(502, b"<html>bad gateway</html>"),
    "truncated": response(200, b'{"SequenceNumber": "49'),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_temporary_failure_is_service_unavailable_after_one_try(
    kinesis: AwsService, stream: KinesisAudioStream, failure: str
):
    kinesis.respond = lambda request: FAILURES[failure]

    with pytest.raises(ServiceUnavailable):
        stream.put(a_chunk())

    assert len(kinesis.requests) == 1


@pytest.mark.parametrize("fault", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_response_is_service_unavailable_after_one_try(
    kinesis: AwsService, stream: KinesisAudioStream, fault: type[Exception]
):
    def fail(_: AWSRequest) -> AWSResponse:
        raise fault(endpoint_url=URL)

    kinesis.respond = fail

    with pytest.raises(ServiceUnavailable):
        stream.put(a_chunk())

    assert len(kinesis.requests) == 1


@pytest.mark.parametrize(
    "code",
    [
        *("ResourceNotFoundException", "AccessDeniedException", "InvalidArgumentException"),
        *("KMSDisabledException", "KMSAccessDeniedException"),
    ],
)
def test_a_stream_that_is_not_there_or_not_allowed_is_a_bug(
    kinesis: AwsService, stream: KinesisAudioStream, code: str
):
    kinesis.respond = lambda request: error(400, code)

    with pytest.raises(ClientError, match=code):
        stream.put(a_chunk())


def closed(_: AWSRequest) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=URL)


def test_a_connection_that_was_closed_while_it_was_idle_is_replaced_once(
    kinesis: AwsService, stream: KinesisAudioStream
):
    answers = iter([closed, lambda request: put()])
    kinesis.respond = lambda request: next(answers)(request)

    stream.put(a_chunk())

    kinesis.requests.clear()
    kinesis.respond = closed
    with pytest.raises(ServiceUnavailable):
        stream.put(a_chunk())
    assert len(kinesis.requests) == 2


def test_a_failure_is_logged_without_the_audio(
    kinesis: AwsService, stream: KinesisAudioStream, caplog: pytest.LogCaptureFixture
):
    kinesis.respond = lambda request: error(400, "ProvisionedThroughputExceededException")

    with pytest.raises(ServiceUnavailable):
        stream.put(a_chunk())

    (record,) = caplog.records
    assert (record.levelname, vars(record)["reason"]) == ("WARNING", "ProvisionedThroughputExceededException")
    assert base64_of(pcm())[:40] not in str(vars(record))


def test_the_slowest_try_takes_a_second():
    config = create_client().meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert config.connect_timeout + config.read_timeout <= 1
