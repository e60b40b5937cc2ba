"""The voice bucket: what is stored where, and for how long its URLs are valid."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from shared.aws.voice_bucket import URL_LIFETIME_S, VoiceBucket, create_client
from shared.sessions.session import Language
from tests.support.captions import a_caption
from tests.support.sdk_responses import AwsService, RawBody
from tests.support.sessions import NOW

BUCKET = "session-service-dev-voice-123456789012"
KEY = f"blessed-shepherd-427#{NOW}/7/es.mp3"
HOST = f"https://{BUCKET}.s3.eu-west-1.amazonaws.com"


def response(status: int, code: str = "") -> AWSResponse:
    body = f"<Error><Code>{code}</Code><Message>{BUCKET}</Message></Error>" if code else ""
    return AWSResponse(HOST, status, {"Content-Type": "application/xml"}, RawBody(body.encode()))


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> AwsService:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    return AwsService(lambda request: response(200))


@pytest.fixture
def voices(amazon: AwsService) -> VoiceBucket:
    client = create_client(max_connections=2)
    client.meta.events.register("before-send.s3", amazon)
    return VoiceBucket(client, BUCKET)


def add(voices: VoiceBucket) -> str | None:
    return voices.add(a_caption(7), Language.SPANISH, b"mp3")


def test_a_voice_is_stored_under_its_session_caption_and_language(amazon: AwsService, voices: VoiceBucket):
    assert add(voices)

    (request,) = amazon.requests
    assert (request.method, unquote(request.url)) == ("PUT", f"{HOST}/{KEY}")
    assert request.body == b"mp3"
    assert request.headers["Content-Type"] == b"audio/mpeg"


def test_a_url_is_valid_for_ten_minutes_and_for_reading_one_voice(amazon: AwsService, voices: VoiceBucket):
    url = add(voices)

    assert url is not None
    assert url.startswith(f"{HOST}/")
    assert unquote(urlsplit(url).path) == f"/{KEY}"
    query = parse_qs(urlsplit(url).query)
    assert query["X-Amz-Expires"] == ["600"] == [str(URL_LIFETIME_S)]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-SignedHeaders"] == ["host"]
    # Storing is the only request: signing is none.
    assert len(amazon.requests) == 1


def test_a_url_has_the_signature_that_botocore_makes_of_it(voices: VoiceBucket):
    url = add(voices)
    assert url is not None
    query = parse_qs(urlsplit(url).query)
    signer = S3SigV4QueryAuth(voices._client._get_credentials(), "s3", "eu-west-1", expires=URL_LIFETIME_S)
    request = AWSRequest("GET", url.partition("?")[0])
    request.context["timestamp"] = query["X-Amz-Date"][0]
    request.headers["host"] = urlsplit(url).netloc
    signer._modify_request_before_signing(request)

    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)

    assert query["X-Amz-Signature"] == [signature]


@pytest.mark.parametrize(
    ("status", "code", "tries"),
    [(503, "SlowDown", 2), (500, "InternalError", 2), (403, "AccessDenied", 1), (404, "NoSuchBucket", 1)],
)
def test_a_failure_is_no_url_and_only_what_may_pass_is_tried_once_more(
    amazon: AwsService,
    voices: VoiceBucket,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    tries: int,
):
    amazon.respond = lambda request: response(status, code)

    assert add(voices) is None

    assert len(amazon.requests) == tries
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "The voice of a caption was not stored")
    assert (vars(record)["reason"], vars(record)["language"]) == (code, "es")
    assert BUCKET not in str(vars(record))


@pytest.mark.parametrize("fault", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_response_is_no_url(amazon: AwsService, voices: VoiceBucket, fault: type[Exception]):
    def fail(_: AWSRequest) -> AWSResponse:
        raise fault(endpoint_url=HOST)

    amazon.respond = fail

    assert add(voices) is None
    assert len(amazon.requests) == 2


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A bucket in moto, and the SDK's client of it."""
    with mock_aws():
        client = create_client(max_connections=1)
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


def test_a_voice_that_is_made_again_replaces_the_former_one(bucket: Any):
    voices = VoiceBucket(bucket, BUCKET)

    voices.add(a_caption(7), Language.SPANISH, b"first")
    voices.add(a_caption(7), Language.SPANISH, b"second")
    voices.add(a_caption(8), Language.SPANISH, b"other")

    assert bucket.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == b"second"


def test_a_client_has_a_connection_for_each_thread():
    assert create_client(max_connections=7).meta.config.max_pool_connections == 7
