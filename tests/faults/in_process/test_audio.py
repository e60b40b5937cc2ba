"""Audio over real sockets: from speakers to the reader of docs/pipeline.md, and back as captions."""

import io
import itertools
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from scripts import local_system
from scripts.local.system import System
from scripts.project import ROOT
from tests.faults.in_process.conftest import Session
from tests.support.audio import base64_of, pcm
from tests.support.eventually import eventually
from tests.support.kinesis_proxy import THROTTLED, KinesisProxy

Json = dict[str, Any]

PUBLISHER, READER = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "pipeline.md").read_text(), re.DOTALL)
SPEAKERS = 3
CHUNKS = 60
"""Of each speaker: three seconds of 20 a second."""
AT_ONCE = 3
"""Chunks that one speaker has sent and that are not answered yet."""


class Speaker:
    """The speaker's connection. Chunk number n of the session is `chunk(n)`, from 1."""

    def __init__(self, session: Session, seed: int = 0) -> None:
        self.session = session
        self.client = session.speaker()
        self._seed = seed

    def chunk(self, number: int) -> bytes:
        """Return the audio of a chunk, which no other chunk has."""
        return number.to_bytes(4, "little") + self._seed.to_bytes(4, "little") + pcm(1592, self._seed)

    def send(self, number: int, **fields: Any) -> None:
        """Send a chunk as older clients describe it, with its number."""
        described = {"format": "pcm", "sampleRate": 16_000, "channels": 1, "encoding": "s16le"}
        message = {
            "action": "audioChunk",
            "sessionId": self.session.id,
            "audioData": base64_of(self.chunk(number)),
            "timestamp": 1_784_919_838_390 + 50 * number,
            "sequence": number,
        }
        self.client.send(json.dumps({**message, **described, **fields}))

    @property
    def answers(self) -> list[Json]:
        """The answers so far, API Gateway's own errors too."""
        messages = self.client.messages
        return [one for one in messages if one.get("type") in ("audioAccepted", "error", None)]

    def ask(self, number: int, **fields: Any) -> Json:
        """Send a chunk, and return its answer."""
        before = len(self.answers)
        self.send(number, **fields)
        eventually(lambda: len(self.answers) > before)
        return self.answers[before]

    def speak(self, count: int) -> None:
        """Send chunks, with AT_ONCE on their way, until all are answered."""
        for number in range(1, count + 1):
            self.send(number)
            eventually(lambda sent=number: len(self.answers) > sent - AT_ONCE)
        eventually(lambda: len(self.answers) == count)


class Recognizer:
    """The reader of the page, in a thread. `heard` has the audio of each session, by its key on the stream.

    A chunk of `says` is recognized as its text. Its stream is the one that the function `send_audio` has.
    """

    def __init__(self, local: System) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.says: dict[bytes, str] = {}
        self._rounds = itertools.count(1)
        self._reads, self._stopped = threading.Event(), threading.Event()
        function = local.config.functions["session-service-local-send_audio"]
        self._names: dict[str, Any] = {}
        exec(compile(READER, "docs/pipeline.md", "exec"), self._names)  # our own page
        self._names |= {
            "STREAM": function.environment["AUDIO_STREAM"],
            "kinesis": local_system.aws_client("kinesis", local.aws.url),
        }
        self._thread = threading.Thread(target=self._names["run"], args=(self._recognize, self._running))

    def start(self) -> None:
        """Start, and wait until every chunk from now on will be read."""
        self._thread.start()
        assert self._reads.wait(60)

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _running(self) -> bool:
        if next(self._rounds) > 1:
            self._reads.set()  # the first round has found where the stream ends
        return not self._stopped.is_set()

    def _recognize(self, key: str, audio: bytes) -> list[str]:
        self.heard.setdefault(key, []).append(audio)
        return [self.says[audio]] if audio in self.says else []


@pytest.fixture
def recognizer(local: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recognizer]:
    """Start the reader. It publishes by the first example of the page, which invokes the local function."""
    publisher = ModuleType("publish_captions")
    exec(compile(PUBLISHER, "docs/pipeline.md", "exec"), vars(publisher))  # our own page
    vars(publisher)["lambda_client"] = LocalLambda(local)
    monkeypatch.setitem(sys.modules, "publish_captions", publisher)
    recognizer = Recognizer(local)
    recognizer.start()
    yield recognizer
    recognizer.stop()


class LocalLambda:
    """Invokes the function of the local system that the ARN in the example names."""

    def __init__(self, local: System) -> None:
        self._client = local_system.aws_client("lambda", local.aws.url)

    def invoke(self, *, FunctionName: str, Payload: str) -> Any:  # noqa: N803  # the SDK's names
        name, alias = FunctionName.split(":")[-2:]
        answer = self._client.invoke(
            FunctionName=name.replace("-dev-", "-local-"), Qualifier=alias, Payload=Payload
        )
        return {**answer, "Payload": io.BytesIO(answer["Payload"].read())}


@pytest.fixture
def speaker(session: Session) -> Speaker:
    return Speaker(session)


def key(session: Session) -> str:
    """Return the partition key of a session on the stream."""
    return f"{session.id}#{session.read()['createdAt']}"


def test_the_chunks_of_three_speakers_at_once_arrive_complete_and_in_order(
    recognizer: Recognizer, open_session: Callable[[], Session]
):
    speakers = [Speaker(open_session(), seed) for seed in range(SPEAKERS)]
    threads = [threading.Thread(target=speaker.speak, args=(CHUNKS,)) for speaker in speakers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = {
        key(speaker.session): [speaker.chunk(number) for number in range(1, CHUNKS + 1)]
        for speaker in speakers
    }
    for speaker in speakers:
        assert {answer["type"] for answer in speaker.answers} == {"audioAccepted"}
        assert {answer["sequence"] for answer in speaker.answers} == set(range(1, CHUNKS + 1))
    eventually(lambda: all(len(recognizer.heard.get(name, [])) == CHUNKS for name in expected))
    assert {name: recognizer.heard[name] for name in expected} == expected


def test_what_is_recognized_reaches_a_listener_as_a_caption(recognizer: Recognizer, speaker: Speaker):
    listener = speaker.session.listener("en")
    recognizer.says = {speaker.chunk(2): "Good morning."}

    assert [speaker.ask(number)["type"] for number in (1, 2)] == ["audioAccepted"] * 2

    eventually(lambda: "caption" in listener.types())
    (caption,) = (message for message in listener.messages if message["type"] == "caption")
    assert caption["text"] == "Good morning."


def test_nothing_that_is_said_during_a_pause_is_heard_later(recognizer: Recognizer, speaker: Speaker):
    session = speaker.session

    speaker.ask(1)
    session.change(status="paused")
    paused = speaker.ask(2)
    session.change(status="active")
    speaker.ask(3)

    assert (paused["code"], paused["action"], paused["sequence"]) == ("SESSION_PAUSED", "audioChunk", 2)
    eventually(lambda: len(recognizer.heard.get(key(session), [])) == 2)
    assert recognizer.heard[key(session)] == [speaker.chunk(1), speaker.chunk(3)]


def test_a_chunk_that_is_sent_again_is_heard_once(recognizer: Recognizer, speaker: Speaker):
    for number in (1, 1, 2):
        assert speaker.ask(number)["type"] == "audioAccepted"

    eventually(lambda: len(recognizer.heard.get(key(speaker.session), [])) == 2)
    assert recognizer.heard[key(speaker.session)] == [speaker.chunk(1), speaker.chunk(2)]


def test_only_the_speaker_of_a_session_sends_audio_to_it(
    recognizer: Recognizer, speaker: Speaker, open_session: Callable[[], Session]
):
    listener, stranger = Speaker(open_session()), Speaker(open_session())
    listener.client = speaker.session.listener()

    refusals = [
        listener.ask(1, sessionId=speaker.session.id),
        stranger.ask(2, sessionId=speaker.session.id),
    ]
    speaker.ask(3)

    assert [refusal["code"] for refusal in refusals] == ["NOT_AUTHORIZED", "INVALID_MESSAGE"]
    assert refusals[1]["details"] == [
        {"field": "sessionId", "message": "sessionId must be the connection's own"}
    ]
    eventually(lambda: key(speaker.session) in recognizer.heard)
    assert recognizer.heard[key(speaker.session)] == [speaker.chunk(3)]
    assert key(stranger.session) not in recognizer.heard


@pytest.mark.parametrize(("size", "answer"), [(24_000, "audioAccepted"), (24_001, "error"), (99, "error")])
def test_the_longest_chunk_passes_the_api(speaker: Speaker, size: int, answer: str):
    assert speaker.ask(1, audioData=base64_of(pcm(size)))["type"] == answer
    assert speaker.client.close_code is None


def test_chunks_are_refused_while_kinesis_throttles_and_accepted_afterwards(
    recognizer: Recognizer, speaker: Speaker, kinesis: KinesisProxy
):
    kinesis.fault = lambda number: THROTTLED
    refused = speaker.ask(1)
    kinesis.fault = lambda number: None
    accepted = speaker.ask(1)

    assert (refused["code"], refused["sequence"], refused["retryAfter"]) == ("SERVICE_UNAVAILABLE", 1, 1)
    assert accepted["type"] == "audioAccepted"
    assert speaker.client.close_code is None
    eventually(lambda: key(speaker.session) in recognizer.heard)
    assert recognizer.heard[key(speaker.session)] == [speaker.chunk(1)]


def test_chunks_are_refused_while_kinesis_is_down_and_accepted_afterwards(
    recognizer: Recognizer, speaker: Speaker, kinesis: KinesisProxy
):
    speaker.ask(1)

    kinesis.down = True
    refusals = [speaker.ask(number) for number in (2, 3)]
    kinesis.down = False
    answers = [speaker.ask(number) for number in (2, 3)]

    assert [refusal["code"] for refusal in refusals] == ["SERVICE_UNAVAILABLE"] * 2
    assert [answer["type"] for answer in answers] == ["audioAccepted"] * 2
    assert speaker.client.close_code is None
    eventually(lambda: len(recognizer.heard.get(key(speaker.session), [])) == 3)
    assert recognizer.heard[key(speaker.session)] == [speaker.chunk(number) for number in (1, 2, 3)]


def test_the_end_of_a_session_closes_the_connection_that_sends_audio(speaker: Speaker):
    speaker.ask(1)
    speaker.session.end()

    eventually(lambda: speaker.client.closed)
    assert speaker.client.types()[-1] == "sessionEnded"
