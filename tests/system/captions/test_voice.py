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
from tests.faults.in_process.conftest import TIMEOUT_S, Session
from tests.support import mp3
from tests.support.eventually import eventually
from tests.support.voice_counts import counted, until_spoken
from tests.support.websocket_clients import WebSocketClient
from tests.system.captions.test_captions import Speaker, heard, listen

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


def speak(session: Session, speaker: Speaker, listener: WebSocketClient, text: str) -> Json:
    """Publish the text until its voices arrive, and return the listener's message."""
    sequence = until_spoken(session.local.work, lambda _: speaker.publish(text))
    eventually(lambda: spoken(listener) and spoken(listener)[-1]["sequenceNumber"] == sequence)
    return spoken(listener)[-1]


def test_a_premium_listener_gets_each_caption_and_then_its_voice(premium: Session, voices: Voices):
    speaker, spanish, english = Speaker(premium), listen(premium, "es"), listen(premium, "en")

    message = speak(premium, speaker, spanish, "Good morning, everybody.")

    sequence = message["sequenceNumber"]
    arrived = [
        (one["type"], one.get("sequence", one.get("sequenceNumber")))
        for one in spanish.messages
        if one["type"] in ("caption", "translatedAudio")
    ]
    assert arrived[-2:] == [("caption", sequence), ("translatedAudio", sequence)]
    transcript = "[es] Good morning, everybody."
    assert {**message, "url": "", "timestamp": 0} == {
        "type": "translatedAudio",
        "sessionId": premium.id,
        "sequenceNumber": sequence,
        "targetLanguage": "es",
        "url": "",
        "transcript": transcript,
        "timestamp": 0,
    }
    assert abs(message["timestamp"] / 1000 - time.time()) < TIMEOUT_S
    assert set(voices.requests) == {TextToSpeak(transcript, "Lucia", "neural", "es-ES")}
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
    speak(premium, other_speaker, other_listener, "Premium")
    eventually(lambda: len(heard(listener)) == 3)
    speaker.publish("Standard 4")
    eventually(lambda: len(heard(listener)) == 4)
    # The voice of what was published last: that of the others would have come before.
    speak(premium, other_speaker, other_listener, "Premium again")

    assert {request.text for request in voices.requests} == {"[es] Premium", "[es] Premium again"}
    assert spoken(listener) == []


def test_the_voice_in_each_language_is_heard_in_order(premium: Session, voices: Voices):
    speaker, spanish, russian = Speaker(premium), listen(premium, "es"), listen(premium, "ru")

    first = speak(premium, speaker, spanish, "First.")["sequenceNumber"]
    before = len(counted(premium.local.work))
    last = [speaker.publish(f"Sentence {number}.") for number in range(5)][-1]
    eventually(lambda: len(counted(premium.local.work)) == before + 5)
    speak(premium, speaker, russian, "Last.")

    sent = sum(one.spoken for one in counted(premium.local.work)[before : before + 5])
    received = [
        [one["sequenceNumber"] for one in spoken(client) if first < one["sequenceNumber"] <= last]
        for client in (spanish, russian)
    ]
    assert sum(map(len, received)) == sent
    assert all(sequences == sorted(set(sequences)) for sequences in received)
    assert {one["targetLanguage"] for one in spoken(spanish)} == {"es"}
    assert {one["targetLanguage"] for one in spoken(russian)} == {"ru"}
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

    one = speaker.publish("One")
    message = speak(premium, speaker, listener, "Two")

    assert [text for _, _, text in heard(listener)][:2] == ["[es] One", "[es] Two"]
    assert message["transcript"] == "[es] Two"
    assert one not in {voice["sequenceNumber"] for voice in spoken(listener)}


def test_a_url_may_be_read_by_anybody_but_not_be_changed_or_used_for_writing(
    premium: Session, voices: Voices
):
    speaker, listener = Speaker(premium), listen(premium, "es")
    url = str(speak(premium, speaker, listener, "One")["url"])

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
    sequence = speak(premium, speaker, listener, "One")["sequenceNumber"]

    function = premium.local.config.functions["session-service-local-speak_captions"]
    bucket = function.environment["VOICE_BUCKET"]
    listed = local_system.aws_client("s3", premium.local.aws.url).list_objects_v2(
        Bucket=bucket, Prefix=f"{premium.id}#"
    )

    created_at = premium.read()["createdAt"]
    assert f"{premium.id}#{created_at}/{sequence}/es.mp3" in {entry["Key"] for entry in listed["Contents"]}
