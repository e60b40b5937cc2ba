"""Amazon Translate: which request the SDK sends, and what each response means."""

import json

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from shared.aws.translate import Translate, create_client
from shared.captions.caption import MAX_TEXT
from shared.sessions.session import Language
from tests.support.sdk_responses import AwsService, RawBody

URL = "https://translate.eu-west-1.amazonaws.com/"
TEXT = "The secret of the house."


def response(status: int, body: bytes) -> AWSResponse:
    return AWSResponse(URL, status, {"Content-Type": "application/x-amz-json-1.1"}, RawBody(body))


def translated(text: str) -> AWSResponse:
    body = {"TranslatedText": text, "SourceLanguageCode": "en", "TargetLanguageCode": "es"}
    return response(200, json.dumps(body).encode())


def error(status: int, code: str) -> AWSResponse:
    return response(status, json.dumps({"__type": code, "message": f"Cannot translate {TEXT}"}).encode())


@pytest.fixture
def amazon() -> AwsService:
    return AwsService(lambda request: translated("El secreto."))


@pytest.fixture
def translator(amazon: AwsService) -> Translate:
    client = create_client(max_connections=1)
    client.meta.events.register("before-send.translate", amazon)
    return Translate(client)


def translate(translator: Translate, text: str = TEXT) -> str | None:
    return translator.translate(text, source=Language.ENGLISH, target=Language.SPANISH)


def test_a_text_is_translated_with_one_request(amazon: AwsService, translator: Translate):
    assert translate(translator) == "El secreto."

    (request,) = amazon.requests
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["X-Amz-Target"] == b"AWSShineFrontendService_20170701.TranslateText"
    assert json.loads(request.body) == {
        "Text": TEXT,
        "SourceLanguageCode": "en",
        "TargetLanguageCode": "es",
    }


@pytest.mark.parametrize("language", Language)
def test_the_codes_of_languages_are_those_of_amazon_translate(
    amazon: AwsService, translator: Translate, language: Language
):
    translator.translate(TEXT, source=language, target=Language.NORWEGIAN)

    body = json.loads(amazon.requests[0].body)
    assert (body["SourceLanguageCode"], body["TargetLanguageCode"]) == (language.value, "no")


def test_the_longest_text_fits_into_one_request():
    # https://docs.aws.amazon.com/translate/latest/dg/what-is-limits.html
    assert MAX_TEXT * len("🙂".encode()) <= 10_000


FAILURES = {
    "throttled": error(400, "ThrottlingException"),
    "too many requests": error(400, "TooManyRequestsException"),
    "limit exceeded": error(400, "LimitExceededException"),
    "unsupported pair": error(400, "UnsupportedLanguagePairException"),
    "access denied": error(400, "AccessDeniedException"),
    "internal error": error(500, "InternalServerException"),
    "unavailable": error(503, "ServiceUnavailableException"),
    "a proxy's page": response(200, b"<html>captive portal</html>"),
    "a gateway's page": response(502, b"<html>bad gateway</html>"),
    "truncated": response(200, b'{"TranslatedText": "El sec'),
    "without a text": response(200, b"{}"),
    "an empty text": translated(""),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_no_translation_after_one_try(amazon: AwsService, translator: Translate, failure: str):
    amazon.respond = lambda request: FAILURES[failure]

    assert translate(translator) is None

    assert len(amazon.requests) == 1


@pytest.mark.parametrize("fault", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_response_is_no_translation_after_one_try(
    amazon: AwsService, translator: Translate, fault: type[Exception]
):
    def fail(_: AWSRequest) -> AWSResponse:
        raise fault(endpoint_url=URL)

    amazon.respond = fail

    assert translate(translator) is None
    assert len(amazon.requests) == 1


def closed(_: AWSRequest) -> AWSResponse:
    raise ConnectionClosedError(endpoint_url=URL)


def test_a_connection_that_was_closed_while_it_was_idle_is_replaced_once(
    amazon: AwsService, translator: Translate
):
    answers = iter([closed, lambda request: translated("El secreto.")])
    amazon.respond = lambda request: next(answers)(request)

    assert translate(translator) == "El secreto."

    amazon.requests.clear()
    amazon.respond = closed
    assert translate(translator) is None
    assert len(amazon.requests) == 2


def test_a_failure_is_logged_with_its_reason_and_without_the_text(
    amazon: AwsService, translator: Translate, caplog: pytest.LogCaptureFixture
):
    amazon.respond = lambda request: error(400, "ThrottlingException")

    translate(translator)

    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "A caption was not translated")
    assert (vars(record)["reason"], vars(record)["target"]) == ("ThrottlingException", "es")
    assert "secret" not in str(vars(record))


def test_the_slowest_call_takes_a_second():
    config = create_client(max_connections=7).meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": 1}
    assert config.connect_timeout + config.read_timeout <= 1
    assert config.max_pool_connections == 7
