"""The stand-in for Amazon Translate, called by the SDK: what it accepts and refuses, and its faults."""

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

from scripts.local.aws.apertium import Apertium
from scripts.local.aws.permissions import Permissions
from scripts.local.aws.stand_in import Fault
from scripts.local.aws.translate import LANGUAGES, TextToTranslate, Translate
from scripts.local.event_loop import EventLoop
from scripts.local.servers import listening
from shared.sessions.session import Language

ALLOWED = [{"Effect": "Allow", "Action": ["translate:TranslateText"], "Resource": "*"}]
POLICIES: dict[str, list[str]] = {"captions": [json.dumps({"Statement": ALLOWED})], "others": []}
TARGET = "AWSShineFrontendService_20170701.TranslateText"
FAIL_FAST = Config(
    read_timeout=0.5, connect_timeout=2, retries={"total_max_attempts": 1}, parameter_validation=False
)


class Served:
    """The stand-in while it is served; a client signs as a function."""

    def __init__(self, url: str, stand_in: Translate, calls: Path) -> None:
        self.url = url
        self.stand_in = stand_in
        self.calls = calls

    def client(self, function: str = "captions") -> Any:
        session: Any = boto3.Session(function, "local", "local", region_name="us-east-1")
        return session.client("translate", endpoint_url=self.url, config=FAIL_FAST)

    def translate(self, text: str, source: str = "en", target: str = "es", **more: Any) -> dict[str, Any]:
        response: dict[str, Any] = self.client().translate_text(
            Text=text, SourceLanguageCode=source, TargetLanguageCode=target, **more
        )
        return response

    def error(
        self, text: str = "Hello", source: str = "en", target: str = "es", **more: Any
    ) -> tuple[str, int]:
        with pytest.raises(ClientError) as refused:
            self.translate(text, source, target, **more)
        response = refused.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


class Reversing(Apertium):
    """Translates into Spanish by writing backwards."""

    async def translate(self, text: str, source: str, target: str) -> str | None:
        return text[::-1] if (source, target) == ("en", "es") else None


@pytest.fixture
def apertium() -> Apertium:
    return Apertium()


@pytest.fixture
def served(socket_enabled: None, tmp_path: Path, apertium: Apertium) -> Iterator[Served]:
    with contextlib.ExitStack() as stack:
        calls = tmp_path / "calls.log"
        stand_in = Translate(Permissions(POLICIES.get, calls).allow, apertium)
        url = stack.enter_context(listening(stack.enter_context(EventLoop()), stand_in))
        yield Served(url, stand_in, calls)


def test_the_text_is_marked_with_the_target_language(served: Served):
    response = served.translate("Good morning")

    assert response["TranslatedText"] == "[es] Good morning"
    assert (response["SourceLanguageCode"], response["TargetLanguageCode"]) == ("en", "es")


@pytest.mark.parametrize("apertium", [Reversing()])
def test_apertium_translates_the_pairs_that_it_has(served: Served):
    assert served.translate("abc")["TranslatedText"] == "cba"
    assert served.translate("abc", target="fr")["TranslatedText"] == "[fr] abc"


@pytest.mark.parametrize("language", Language)
def test_every_language_of_the_service_is_supported(language: Language):
    assert language in LANGUAGES


def test_a_text_of_10000_bytes_is_translated_and_a_longer_one_is_refused(served: Served):
    chinese = "\u4f60" * 3_333  # three bytes each

    assert served.translate(chinese + "x", "zh", "en")["TranslatedText"] == f"[en] {chinese}x"
    assert served.error(chinese + "xx", "zh", "en") == ("TextSizeLimitExceededException", 400)
    assert served.error("x" * 10_001) == ("TextSizeLimitExceededException", 400)


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        ({"text": ""}, "ValidationException", 400),
        ({"target": "e"}, "ValidationException", 400),
        ({"Settings": {"Formality": "formal"}}, "ValidationException", 400),
        ({"text": 5}, "SerializationException", 400),
        ({"target": "xx"}, "UnsupportedLanguagePairException", 400),
        ({"source": "tlh"}, "UnsupportedLanguagePairException", 400),
        ({"source": "auto"}, "InvalidRequestException", 400),
        ({"TerminologyNames": ["mine"]}, "ResourceNotFoundException", 404),
    ],
)
def test_a_request_that_the_service_refuses_is_refused_with_its_code(
    served: Served, request_: dict[str, Any], code: str, status: int
):
    assert served.error(**request_) == (code, status)


@pytest.mark.parametrize("body", [b"", b"not JSON", b"\xff", b"[]", b"null"])
def test_a_body_that_is_no_object_is_refused(served: Served, body: bytes):
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=captions/x", "X-Amz-Target": TARGET}

    response = requests.post(served.url, data=body, headers=headers, timeout=5)

    assert (response.status_code, response.json()["__type"]) == (400, "SerializationException")


def test_another_operation_is_refused(served: Served):
    with pytest.raises(ClientError, match="UnknownOperationException"):
        served.client().list_languages()


def test_a_request_without_a_signature_is_refused(served: Served):
    response = requests.post(served.url, data=b"{}", headers={"X-Amz-Target": TARGET}, timeout=5)

    assert response.status_code == 400
    assert response.json()["__type"] == "MissingAuthenticationTokenException"


def test_a_function_may_translate_only_if_its_role_allows_it_and_its_calls_are_logged(served: Served):
    served.translate("Hello")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        served.client("others").translate_text(Text="x", SourceLanguageCode="en", TargetLanguageCode="es")

    calls = [json.loads(line) for line in served.calls.read_text().splitlines()]
    call = {"action": "translate:TranslateText", "resource": "*"}
    assert calls == [
        {"function": "captions", **call, "allowed": True},
        {"function": "others", **call, "allowed": False},
    ]
    assert "Hello" not in served.calls.read_text()


# --- Faults that tests inject


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("InternalServerException", 500),
        ("ServiceUnavailableException", 503),
        ("UnsupportedLanguagePairException", 400),
    ],
)
def test_it_fails_with_an_error_of_the_service(served: Served, code: str, status: int):
    served.stand_in.fault = lambda _: Fault(code)

    assert served.error() == (code, status)
    served.stand_in.fault = lambda _: None
    assert served.translate("Hello")["TranslatedText"] == "[es] Hello"


def test_it_is_down(served: Served):
    served.stand_in.fault = lambda _: Fault(drops=True)

    with pytest.raises(ConnectionClosedError):
        served.translate("Hello")


def test_it_is_slow(served: Served):
    served.stand_in.fault = lambda _: Fault(seconds=60)

    with pytest.raises(ReadTimeoutError):
        served.translate("Hello")


def test_it_answers_late(served: Served):
    served.stand_in.fault = lambda _: Fault(seconds=0.01)

    assert served.translate("Hello")["TranslatedText"] == "[es] Hello"


def test_a_fault_may_depend_on_the_request(served: Served):
    received: list[TextToTranslate] = []

    def fault(request: TextToTranslate) -> Fault | None:
        received.append(request)
        return Fault("TooManyRequestsException") if request.target == "fr" else None

    served.stand_in.fault = fault

    assert served.error(target="fr") == ("TooManyRequestsException", 429)
    assert served.translate("Hello")["TranslatedText"] == "[es] Hello"
    assert received == [TextToTranslate("Hello", "en", "fr"), TextToTranslate("Hello", "en", "es")]
