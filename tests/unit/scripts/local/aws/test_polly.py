"""The stand-in for Amazon Polly, called by the SDK: what it accepts and refuses, and its faults."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from scripts.local.aws import service_model
from scripts.local.aws.espeak import Espeak
from scripts.local.aws.permissions import Permissions
from scripts.local.aws.polly import VOICES, Polly, TextToSpeak
from scripts.local.aws.stand_in import Fault
from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from tests.support import mp3

ALLOWED = [{"Effect": "Allow", "Action": ["polly:SynthesizeSpeech"], "Resource": "*"}]
POLICIES: dict[str, list[str]] = {"voice": [json.dumps({"Statement": ALLOWED})], "others": []}
FAIL_FAST = Config(
    read_timeout=0.5, connect_timeout=2, retries={"total_max_attempts": 1}, parameter_validation=False
)
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=voice/x"}


class Served:
    """The stand-in while it is served; a client signs as a function."""

    def __init__(self, url: str, stand_in: Polly, calls: Path) -> None:
        self.url = url
        self.stand_in = stand_in
        self.calls = calls

    def client(self, function: str = "voice") -> Any:
        session: Any = boto3.Session(function, "local", "local", region_name="us-east-1")
        return session.client("polly", endpoint_url=self.url, config=FAIL_FAST)

    def speak(self, text: str = "Hola", **more: Any) -> dict[str, Any]:
        request = {"Text": text, "VoiceId": "Lucia", "Engine": "neural", "OutputFormat": "mp3", **more}
        response: dict[str, Any] = self.client().synthesize_speech(**request)
        return response

    def error(self, text: Any = "Hola", **more: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as refused:
            self.speak(text, **more)
        response = refused.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


class Speaking(Espeak):
    """Speaks Spanish by repeating the text."""

    async def speak(self, text: str, language_code: str) -> bytes | None:
        return text.encode() if language_code == "es-ES" else None


@pytest.fixture
def espeak() -> Espeak:
    return Espeak()


@pytest.fixture
def served(socket_enabled: None, tmp_path: Path, espeak: Espeak) -> Iterator[Served]:
    with contextlib.ExitStack() as stack:
        calls = tmp_path / "calls.log"
        stand_in = Polly(Permissions(POLICIES.get, calls).allow, espeak)
        url = stack.enter_context(listening(stack.enter_context(EventLoop()), stand_in))
        yield Served(url, stand_in, calls)


@pytest.mark.parametrize("length", [1, 15, 150, 3000])
def test_the_speech_is_silence_as_long_as_the_text_would_take(served: Served, length: int):
    response = served.speak("x" * length)

    speech = mp3.read(response["AudioStream"].read())
    assert speech.seconds == pytest.approx(length / 15, abs=0.024)
    assert (response["ContentType"], response["RequestCharacters"]) == ("audio/mpeg", length)


@pytest.mark.parametrize("espeak", [Speaking()])
def test_espeak_speaks_what_it_can(served: Served):
    assert served.speak("Hola")["AudioStream"].read() == b"Hola"
    french = served.speak("Salut", VoiceId="Lea")["AudioStream"].read()
    assert mp3.read(french).frames == 14


def test_the_voices_are_known_to_the_sdk():
    shape: Any = service_model.load("polly").shape_for("SynthesizeSpeechInput")

    assert VOICES.keys() <= set(shape.members["VoiceId"].enum)
    assert {code for codes, _ in VOICES.values() for code in codes} <= set(shape.members["LanguageCode"].enum)
    assert {engine for _, engines in VOICES.values() for engine in engines} <= set(
        shape.members["Engine"].enum
    )


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        ({}, TextToSpeak("Hola", "Lucia", "neural", "es-ES")),
        ({"Engine": None}, TextToSpeak("Hola", "Lucia", "standard", "es-ES")),
        ({"LanguageCode": "es-ES"}, TextToSpeak("Hola", "Lucia", "neural", "es-ES")),
        ({"VoiceId": "Kajal"}, TextToSpeak("Hola", "Kajal", "neural", "en-IN")),
        ({"VoiceId": "Kajal", "LanguageCode": "hi-IN"}, TextToSpeak("Hola", "Kajal", "neural", "hi-IN")),
        ({"SampleRate": "24000", "TextType": "text"}, TextToSpeak("Hola", "Lucia", "neural", "es-ES")),
    ],
)
def test_what_is_not_in_a_request_has_its_default(
    served: Served, request_: dict[str, Any], wanted: TextToSpeak
):
    received: list[TextToSpeak] = []
    served.stand_in.fault = received.append  # type: ignore[assignment]  # it returns None

    request = {"VoiceId": "Lucia", "Engine": "neural", "OutputFormat": "mp3", "Text": "Hola", **request_}
    served.client().synthesize_speech(**{name: value for name, value in request.items() if value is not None})

    assert received == [wanted]


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        ({"VoiceId": "Nobody"}, "ValidationException", 400),
        ({"Engine": "best"}, "ValidationException", 400),
        ({"LanguageCode": "es"}, "ValidationException", 400),
        ({"OutputFormat": "wav"}, "ValidationException", 400),
        ({"OutputFormat": "pcm"}, "ValidationException", 400),
        ({"VoiceId": "Geraint"}, "ValidationException", 400),
        ({"text": 5}, "SerializationException", 400),
        ({"Loudness": "high"}, "SerializationException", 400),
        ({"text": "x" * 3001}, "TextLengthExceededException", 400),
        ({"VoiceId": "Tatyana"}, "EngineNotSupportedException", 400),
        ({"VoiceId": "Suvi", "Engine": "standard"}, "EngineNotSupportedException", 400),
        ({"LanguageCode": "hi-IN"}, "LanguageNotSupportedException", 400),
        ({"SampleRate": "8000"}, "InvalidSampleRateException", 400),
        ({"TextType": "ssml"}, "InvalidSsmlException", 400),
        ({"LexiconNames": ["mine"]}, "LexiconNotFoundException", 404),
    ],
)
def test_a_request_that_the_service_refuses_is_refused_with_its_code(
    served: Served, request_: dict[str, Any], code: str, status: int
):
    if "Loudness" in request_:  # which the SDK does not send
        body = {"Text": "Hola", "VoiceId": "Lucia", "OutputFormat": "mp3", **request_}
        response = requests.post(f"{served.url}/v1/speech", json=body, headers=SIGNED, timeout=5)
        assert (response.json()["__type"], response.status_code) == (code, status)
    else:
        assert served.error(**request_) == (code, status)


@pytest.mark.parametrize("body", [b"", b"not JSON", b"\xff", b"[]", b"null"])
def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes):
    response = requests.post(f"{served.url}/v1/speech", data=body, headers=SIGNED, timeout=5)

    assert (response.status_code, response.json()["__type"]) == (400, "SerializationException")


def test_an_incomplete_request_is_refused(served: Served):
    response = requests.post(f"{served.url}/v1/speech", json={"Text": "Hola"}, headers=SIGNED, timeout=5)

    assert (response.status_code, response.json()["__type"]) == (400, "ValidationException")
    assert "VoiceId" in response.json()["message"]


def test_another_operation_is_refused(served: Served):
    with pytest.raises(ClientError, match="UnknownOperationException"):
        served.client().describe_voices()


def test_a_request_without_a_signature_is_refused(served: Served):
    response = requests.post(f"{served.url}/v1/speech", json={}, timeout=5)

    assert response.status_code == 400
    assert response.json()["__type"] == "MissingAuthenticationTokenException"


def test_a_function_may_speak_only_if_its_role_allows_it_and_its_calls_are_logged(served: Served):
    served.speak("Hola")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        served.client("others").synthesize_speech(Text="x", VoiceId="Lucia", OutputFormat="mp3")

    calls = [json.loads(line) for line in served.calls.read_text().splitlines()]
    call = {"action": "polly:SynthesizeSpeech", "resource": "*"}
    assert calls == [
        {"function": "voice", **call, "allowed": True},
        {"function": "others", **call, "allowed": False},
    ]
    assert "Hola" not in served.calls.read_text()


# --- Faults that tests inject


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("ServiceFailureException", 500), ("TextLengthExceededException", 400)],
)
def test_it_fails_with_an_error_of_the_service(served: Served, code: str, status: int):
    served.stand_in.fault = lambda _: Fault(code)

    assert served.error() == (code, status)
    served.stand_in.fault = lambda _: None
    assert served.speak()["ContentType"] == "audio/mpeg"


def test_it_is_down(served: Served):
    served.stand_in.fault = lambda _: Fault(drops=True)

    with pytest.raises(ConnectionClosedError):
        served.speak()


def test_it_is_slow(served: Served):
    served.stand_in.fault = lambda _: Fault(seconds=60)

    with pytest.raises(ReadTimeoutError):
        served.speak()
