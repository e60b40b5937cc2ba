"""Amazon Polly: the voices of all languages, which request the SDK sends, and what each response means."""

import json
import re
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    ReadTimeoutError,
)

from scripts.local.aws import polly as stand_in
from scripts.project import ROOT
from shared.aws import polly
from shared.aws.polly import VOICES, Polly, create_client
from shared.sessions.session import Language
from tests.support.sdk_responses import AwsService, RawBody

URL = "https://polly.eu-west-1.amazonaws.com/v1/speech"
TEXT = "The secret of the house."
MODEL: Any = botocore.session.get_session().get_service_model("polly").operation_model("SynthesizeSpeech")


# --- The table of voices


def test_every_language_has_a_voice():
    assert VOICES.keys() == set(Language)
    assert len(VOICES) == 19


@pytest.mark.parametrize("language", Language)
def test_a_voice_its_engine_and_its_language_are_known_to_the_sdk(language: Language):
    members, voice = MODEL.input_shape.members, VOICES[language]

    assert voice.id in members["VoiceId"].enum
    assert voice.engine in members["Engine"].enum
    assert voice.language_code in members["LanguageCode"].enum


@pytest.mark.parametrize("language", Language)
def test_a_voice_speaks_its_language_with_its_engine(language: Language):
    voice = VOICES[language]
    languages, engines = stand_in.VOICES[voice.id]

    assert voice.language_code in languages
    assert voice.engine in engines


def test_only_russian_has_no_neural_voice():
    assert [language for language, voice in VOICES.items() if voice.engine != "neural"] == [Language.RUSSIAN]


def test_the_checklist_of_a_first_deployment_asks_for_all_neural_voices():
    page = (ROOT / "docs" / "first-deployment.md").read_text()

    listed = re.search(r"grep -cxE \\\n  '([\w|]+)'\n```\n\nExpect (\d+)\.", page)

    assert listed
    neural = [voice.id for voice in VOICES.values() if voice.engine == "neural"]
    assert listed[1].split("|") == neural
    assert int(listed[2]) == len(neural)


@pytest.mark.parametrize("language", Language)
def test_the_code_of_a_voice_is_that_of_its_language(language: Language):
    # Codes of Polly that do not begin with ours.
    expected = {Language.NORWEGIAN: "nb-NO", Language.CHINESE: "cmn-CN"}.get(language, f"{language}-")

    assert VOICES[language].language_code.startswith(expected)


# --- Requests and responses


def response(status: int, body: bytes, *, fault: Exception | None = None, **headers: str) -> AWSResponse:
    raw = RawBody(body)
    raw.fault = fault
    sent = {"Content-Type": "audio/mpeg" if status == 200 else "application/json", **headers}
    return AWSResponse(URL, status, sent, raw)


def error(status: int, code: str) -> AWSResponse:
    body = json.dumps({"message": f"Cannot speak {TEXT}"}).encode()
    return response(status, body, **{"x-amzn-ErrorType": code})


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> AwsService:
    # Between the tries of the SDK.
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    return AwsService(lambda request: response(200, b"mp3"))


@pytest.fixture
def synthesizer(amazon: AwsService) -> Polly:
    client = create_client(max_connections=1)
    client.meta.events.register("before-send.polly", amazon)
    return Polly(client)


def synthesize(synthesizer: Polly) -> bytes | None:
    return synthesizer.synthesize(TEXT, Language.HINDI)


def test_a_text_is_spoken_with_one_request(amazon: AwsService, synthesizer: Polly):
    assert synthesize(synthesizer) == b"mp3"

    (request,) = amazon.requests
    assert (request.method, request.url) == ("POST", URL)
    assert json.loads(request.body) == {
        "Text": TEXT,
        "VoiceId": "Kajal",
        "Engine": "neural",
        "LanguageCode": "hi-IN",
        "OutputFormat": "mp3",
    }


def test_audio_that_looks_like_json_or_text_is_returned_as_it_is(amazon: AwsService, synthesizer: Polly):
    amazon.respond = lambda request: response(200, b'{"message": "\xff\xf3"}\n')

    assert synthesize(synthesizer) == b'{"message": "\xff\xf3"}\n'


FAILURES = {
    "throttled": (lambda: error(400, "ThrottlingException"), 2),
    "failure": (lambda: error(500, "ServiceFailureException"), 2),
    "a gateway's page": (lambda: response(502, b"<html>bad gateway</html>"), 2),
    "too long": (lambda: error(400, "TextLengthExceededException"), 1),
    "engine not supported": (lambda: error(400, "EngineNotSupportedException"), 1),
    "access denied": (lambda: error(403, "AccessDeniedException"), 1),
    "empty": (lambda: response(200, b""), 1),
    "cut off": (lambda: response(200, b"mp", **{"content-length": "3"}), 1),
    "slow in the middle": (
        lambda: response(200, b"mp3", fault=ReadTimeoutError(endpoint_url=URL)),
        1,
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_no_voice_and_only_what_may_pass_is_tried_once_more(
    amazon: AwsService, synthesizer: Polly, failure: str
):
    answer, tries = FAILURES[failure]
    amazon.respond = lambda request: answer()

    assert synthesize(synthesizer) is None

    assert len(amazon.requests) == tries


@pytest.mark.parametrize("fault", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_response_is_no_voice(amazon: AwsService, synthesizer: Polly, fault: type[Exception]):
    def fail(_: AWSRequest) -> AWSResponse:
        raise fault(endpoint_url=URL)

    amazon.respond = fail

    assert synthesize(synthesizer) is None
    assert len(amazon.requests) == 2


def test_a_throttled_request_that_is_repeated_succeeds(amazon: AwsService, synthesizer: Polly):
    answers = iter([error(400, "ThrottlingException"), response(200, b"mp3")])
    amazon.respond = lambda request: next(answers)

    assert synthesize(synthesizer) == b"mp3"


def test_a_failure_is_logged_with_its_reason_and_without_the_text(
    amazon: AwsService, synthesizer: Polly, caplog: pytest.LogCaptureFixture
):
    amazon.respond = lambda request: error(400, "TextLengthExceededException")

    synthesize(synthesizer)

    (record,) = caplog.records
    assert (record.levelname, record.message) == ("WARNING", "A caption was not spoken")
    assert (vars(record)["reason"], vars(record)["language"]) == ("TextLengthExceededException", "hi")
    assert "secret" not in str(vars(record))


def test_a_client_has_a_connection_for_each_thread():
    config = create_client(max_connections=7).meta.config

    assert config.max_pool_connections == 7
    assert config.retries == {"mode": "standard", "total_max_attempts": 2}
    assert config.connect_timeout + config.read_timeout <= 3


def test_errors_of_a_body_are_among_those_of_aws():
    assert issubclass(IncompleteReadError, polly.AWS_ERRORS)
    assert issubclass(ReadTimeoutError, polly.AWS_ERRORS)
