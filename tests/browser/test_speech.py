"""Speech on the pages: the speaker's microphone reaches the audio stream, and listeners hear a voice."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from scripts import local_system
from scripts.local.aws.polly import TextToSpeak
from scripts.local.system import System
from tests.browser.actions import captions, create_session, join, say
from tests.browser.conftest import OpenPage
from tests.support.eventually import eventually
from tests.support.voice_counts import until_spoken

CHUNK_BYTES = 8192
"""4,096 samples of 16 bits."""
CHUNKS = 8


@pytest.fixture
def spoken(system: System) -> Iterator[list[TextToSpeak]]:
    """Return what Amazon Polly is asked to speak."""
    requests: list[TextToSpeak] = []
    system.polly.fault = requests.append
    yield requests
    system.polly.fault = lambda _: None


@pytest.fixture
def stream(system: System) -> Callable[[str], list[dict[str, Any]]]:
    """Return a function that reads the chunks of a session from the audio stream."""
    kinesis = local_system.aws_client("kinesis", system.aws.url)
    name = system.config.functions["session-service-local-send_audio"].environment["AUDIO_STREAM"]

    def read(session_id: str) -> list[dict[str, Any]]:
        found = []
        for shard in kinesis.list_shards(StreamName=name)["Shards"]:
            start = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            records = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**start)["ShardIterator"])
            found += [json.loads(record["Data"]) for record in records["Records"]]
        return [chunk for chunk in found if chunk["sessionId"] == session_id]

    return read


def level_changes(page: Page, count: int) -> None:
    """Wait until the microphone has measured the level so many times."""
    page.evaluate(
        """(count) => new Promise((resolve) => {
          const observer = new MutationObserver(() => --count || resolve());
          observer.observe(document.getElementById("level"), { attributes: true });
        })""",
        count,
    )


def record_sound(page: Page) -> None:
    """Record which recordings the page has played to their end, and which texts it has read aloud."""
    page.evaluate(
        """() => {
          window.played = [];
          window.read = [];
          const player = document.getElementById("player");
          player.addEventListener("ended", () => window.played.push(player.src));
          speechSynthesis.speak = (utterance) => {
            window.read.push([utterance.lang, utterance.text]);
            utterance.onend();
          };
        }"""
    )


def test_the_microphone_reaches_the_audio_stream(
    open_page: OpenPage, stream: Callable[[str], list[dict[str, Any]]], console_errors: list[str]
):
    speaker = open_page("/speak")
    code = create_session(speaker)
    microphone = speaker.get_by_role("button", name="Microphone")

    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "true")
    level = speaker.locator("#level")
    eventually(lambda: level.evaluate("meter => meter.value") > 0)  # Chromium's microphone beeps
    eventually(lambda: len(stream(code)) >= CHUNKS, interval_s=0.2)
    microphone.click()
    expect(microphone).to_have_attribute("aria-pressed", "false")

    chunks = stream(code)
    audio = [base64.b64decode(chunk["audioData"]) for chunk in chunks]
    assert {len(chunk) for chunk in audio} == {CHUNK_BYTES}
    assert any(any(chunk) for chunk in audio)
    assert len({chunk["timestamp"] for chunk in chunks}) == len(chunks)
    assert console_errors == []


def test_nothing_is_sent_during_a_pause(open_page: OpenPage):
    speaker = open_page("/speak")
    sent: list[str] = []
    speaker.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    create_session(speaker)
    speaker.get_by_role("button", name="Microphone").click()
    level_changes(speaker, CHUNKS)
    assert any("audioChunk" in frame for frame in sent)

    speaker.get_by_role("button", name="Pause").click()
    expect(speaker.get_by_role("button", name="Resume")).to_be_visible()
    sent.clear()
    level_changes(speaker, CHUNKS)

    assert not any("audioChunk" in frame for frame in sent)


def test_a_premium_listener_reads_each_caption_and_then_hears_it(
    open_page: OpenPage, system: System, spoken: list[TextToSpeak], console_errors: list[str]
):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker, tier="premium"), "es")
    record_sound(listener)
    listener.get_by_role("button", name="Voice").click()

    def say_hello(number: int) -> str:
        say(speaker, f"Hello {number}.")
        return f"Hello {number}."

    heard = until_spoken(system.work, say_hello)

    expect(captions(listener).last).to_have_text(f"[es] {heard}")
    eventually(lambda: listener.evaluate("window.played.length") == 1)
    assert {request.voice for request in spoken} == {"Lucia"}
    assert spoken[-1].text == f"[es] {heard}"
    assert listener.evaluate("window.read") == []
    assert console_errors == []


def test_a_standard_listener_hears_the_browsers_voice_and_polly_is_not_called(
    open_page: OpenPage, spoken: list[TextToSpeak]
):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker), "es")
    record_sound(listener)
    say(speaker, "Nobody wants to hear this.")
    expect(captions(listener)).to_have_count(1)
    listener.get_by_role("button", name="Voice").click()

    for text in ("One.", "Two."):
        say(speaker, text)

    expect(captions(listener)).to_have_count(3)
    assert listener.evaluate("window.read") == [["es", "[es] One."], ["es", "[es] Two."]]
    assert listener.evaluate("window.played") == []
    assert spoken == []


def test_who_listens_in_the_speakers_language_hears_the_browsers_voice(
    open_page: OpenPage, spoken: list[TextToSpeak]
):
    speaker, listener = open_page("/speak"), open_page("/listen")
    join(listener, create_session(speaker, tier="premium"), "en")
    record_sound(listener)
    listener.get_by_role("button", name="Voice").click()

    say(speaker, "Hello.")

    expect(captions(listener)).to_have_text(["Hello."])
    assert listener.evaluate("window.read") == [["en", "Hello."]]
    assert spoken == []
