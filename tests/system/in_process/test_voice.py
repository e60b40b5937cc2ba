"""Voice over sockets: a premium listener gets each caption and then its voice, a standard one never does."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from scripts import local_system
from scripts.local.aws.polly import TextToSpeak
from scripts.local.aws.stand_in import Fault
from scripts.local.system import System
from tests.support import mp3
from tests.support.eventually import eventually
from tests.support.websocket_clients import WebSocketClient
from tests.system.in_process.conftest import TIMEOUT_S, Session
from tests.system.in_process.test_captions import Speaker, heard, listen, types

Json = dict[str, Any]


class Voices:
    """What Amazon Polly was asked to speak; `fault` decides how a request fails."""

    def __init__(self) -> None:
        self.requests: list[TextToSpeak] = []
        self.fault: Callable[[TextToSpeak], Fault | None] = lambda _: None

    def __call__(self, request: TextToSpeak) -> Fault | None:
        """Record a request, and return its fault."""
        self.requests.append(request)
        return self.fault(request)


@pytest.fixture
def voices(local: System) -> Voices:
    voices = Voices()
    local.polly.fault = voices
    return voices


@pytest.fixture
def premium(session: Session) -> Session:
    session.change(qualityTier="premium")
    return session


def spoken(client: WebSocketClient) -> list[Json]:
    """Return the voices that a client has received."""
    return [message for message in client.messages if message["type"] == "translatedAudio"]


def test_a_premium_listener_gets_each_caption_and_then_its_voice(premium: Session, voices: Voices):
    speaker, spanish, english = Speaker(premium), listen(premium, "es"), listen(premium, "en")

    speaker.publish("Good morning, everybody.")

    eventually(lambda: spoken(spanish))
    arrived = [kind for kind in types(spanish) if kind in ("caption", "translatedAudio")]
    assert arrived == ["caption", "translatedAudio"]
    (message,) = spoken(spanish)
    transcript = "[es] Good morning, everybody."
    assert {**message, "url": "", "timestamp": 0} == {
        "type": "translatedAudio",
        "sessionId": premium.id,
        "sequenceNumber": 1,
        "targetLanguage": "es",
        "url": "",
        "transcript": transcript,
        "timestamp": 0,
    }
    assert abs(message["timestamp"] / 1000 - time.time()) < TIMEOUT_S
    assert voices.requests == [TextToSpeak(transcript, "Lucia", "neural", "es-ES")]
    # A browser has no credentials.
    file = requests.get(message["url"], timeout=TIMEOUT_S)
    assert (file.status_code, file.headers["Content-Type"]) == (200, "audio/mpeg")
    assert mp3.read(file.content).seconds == pytest.approx(len(transcript) / 15, abs=0.024)
    assert parse_qs(urlsplit(message["url"]).query)["X-Amz-Expires"] == ["600"]
    # Who hears the speaker, and the speaker, need no voice.
    assert (spoken(english), spoken(speaker.client)) == ([], [])


def test_a_standard_listener_gets_captions_only_and_polly_is_not_called(
    session: Session, open_session: Callable[..., Session], voices: Voices
):
    premium = open_session()
    premium.change(qualityTier="premium")
    speaker, listener = Speaker(session), listen(session, "es")
    other_speaker, other_listener = Speaker(premium), listen(premium, "es")

    for number in range(1, 4):
        speaker.publish(f"Standard {number}")
    other_speaker.publish("Premium")

    eventually(lambda: spoken(other_listener))
    eventually(lambda: len(heard(listener)) == 3)
    speaker.publish("Standard 4")
    other_speaker.publish("Premium again")
    # The voice of what was published last: that of the others would have come before.
    eventually(lambda: len(spoken(other_listener)) == 2)
    assert {request.text for request in voices.requests} == {"[es] Premium", "[es] Premium again"}
    assert spoken(listener) == []


def test_the_voice_in_each_language_is_heard_in_order(premium: Session, voices: Voices):
    speaker, spanish, russian = Speaker(premium), listen(premium, "es"), listen(premium, "ru")

    for number in range(1, 6):
        speaker.publish(f"Sentence {number}.")

    for client, language in ((spanish, "es"), (russian, "ru")):
        eventually(lambda client=client: len(spoken(client)) == 5)
        assert [(one["sequenceNumber"], one["targetLanguage"]) for one in spoken(client)] == [
            (number, language) for number in range(1, 6)
        ]
    assert {(one.voice, one.engine) for one in voices.requests} == {
        ("Lucia", "neural"),
        ("Tatyana", "standard"),
    }


@pytest.mark.parametrize(
    "fault", [Fault("ThrottlingException"), Fault("ServiceFailureException"), Fault(drops=True)]
)
def test_captions_arrive_without_a_voice_that_fails(premium: Session, voices: Voices, fault: Fault):
    voices.fault = lambda request: fault if "One" in request.text else None
    speaker, listener = Speaker(premium), listen(premium, "es")

    speaker.publish("One")
    speaker.publish("Two")

    eventually(lambda: spoken(listener))
    assert [text for _, _, text in heard(listener)] == ["[es] One", "[es] Two"]
    assert [one["sequenceNumber"] for one in spoken(listener)] == [2]


def test_a_url_may_be_read_by_anybody_but_not_be_changed_or_used_for_writing(
    premium: Session, voices: Voices
):
    speaker, listener = Speaker(premium), listen(premium, "es")
    speaker.publish("One")
    eventually(lambda: spoken(listener))
    url = str(spoken(listener)[0]["url"])

    without_signature = url.partition("?")[0]
    old = url.replace(
        f"X-Amz-Date={parse_qs(urlsplit(url).query)['X-Amz-Date'][0]}", "X-Amz-Date=20200101T000000Z"
    )
    responses = [
        requests.get(without_signature, timeout=TIMEOUT_S),
        requests.get(old, timeout=TIMEOUT_S),
        requests.delete(url, timeout=TIMEOUT_S),
    ]

    assert [response.status_code for response in responses] == [403, 403, 403]
    assert requests.get(url, timeout=TIMEOUT_S).status_code == 200


def test_the_voices_are_in_a_bucket_of_their_own(premium: Session, voices: Voices):
    speaker, listener = Speaker(premium), listen(premium, "es")
    speaker.publish("One")
    eventually(lambda: spoken(listener))

    function = premium.local.config.functions["session-service-local-speak_captions"]
    bucket = function.environment["VOICE_BUCKET"]
    listed = local_system.aws_client("s3", premium.local.aws.url).list_objects_v2(
        Bucket=bucket, Prefix=f"{premium.id}#"
    )

    created_at = premium.read()["createdAt"]
    assert [entry["Key"] for entry in listed["Contents"]] == [f"{premium.id}#{created_at}/1/es.mp3"]
