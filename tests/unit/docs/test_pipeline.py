"""docs/pipeline.md: its examples run against the functions themselves, and events and policies are true."""

import io
import json
import random
import re
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from scripts.project import ROOT
from shared.audience.connection import SessionRef
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.sessions_table import SessionsTable
from shared.errors import Refusal
from shared.events.websocket_api import MESSAGE_ERRORS
from shared.sessions.session import Status
from shared.sessions.views import public_view
from tests.support.audio import AUDIO_STREAM, base64_of, create_stream, data, pcm, recorded_operations
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.sessions import ALICE, NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables
from tests.support.websocket_events import message

PAGE = (ROOT / "docs" / "pipeline.md").read_text()
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
EVENT, PUBLISHED, ERROR, POLICY, RECORD, READER_POLICY = (
    json.loads(text) for language, text in BLOCKS if language == "json"
)
EXAMPLE, READER = (text for language, text in BLOCKS if language == "python")

HANDLER = load_handler("publish_caption")
SEND_AUDIO = load_handler("send_audio")
CLIENT = HANDLER.client
LIVE_CAPTIONS: LiveCaptionsTable = HANDLER.publish_caption._live_captions
KINESIS = SEND_AUDIO.send_audio._stream._client


class LambdaClient:
    """The SDK's client of Lambda, which runs the function here. `failures` fail first, instead of running."""

    def __init__(self) -> None:
        self.functions: list[str] = []
        self.failures = 0

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803  # the SDK's names
        self.functions.append(FunctionName)
        if self.failures:
            self.failures -= 1
            error = {"errorMessage": "Task timed out", "errorType": "Sandbox.Timedout"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        answer = HANDLER.handler(json.loads(Payload), None)
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Create the stream, and the tables with an active session, a minute after its creation."""
    clock = Clock(NOW + 60_000)
    monkeypatch.setattr("shared.clock.time", SimpleNamespace(time_ns=lambda: clock() * 1_000_000))
    with mock_aws():
        create_tables(CLIENT)
        create_stream(KINESIS)
        store()
        yield


def store(**fields: Any) -> None:
    CLIENT.delete_item(TableName=SESSIONS_TABLE, Key={"sessionId": {"S": a_session().id}})
    SessionsTable(CLIENT, SESSIONS_TABLE).add(a_session(**fields), reusable_before=NOW_S)


@pytest.fixture
def lambda_client(monkeypatch: pytest.MonkeyPatch) -> LambdaClient:
    client = LambdaClient()
    monkeypatch.setattr(
        boto3, "client", lambda service, config=None: KINESIS if service == "kinesis" else client
    )
    return client


@pytest.fixture
def example(lambda_client: LambdaClient) -> dict[str, Any]:
    """Run the example; return its names. It does not wait."""
    names: dict[str, Any] = {}
    exec(compile(EXAMPLE, "docs/pipeline.md", "exec"), names)  # our own page
    names["time"] = SimpleNamespace(sleep=lambda _: None)
    return names


def test_the_example_publishes_what_was_recognized(example: dict[str, Any]):
    example["on_recognized"](public_view(a_session()), "Good morning.", NOW + 15_200)

    assert LIVE_CAPTIONS.last(a_caption().session) == a_caption(
        15_200, text="Good morning.", spoken_at=NOW + 15_200, published_at=NOW + 60_000
    )


def test_the_example_repeats_what_may_not_have_been_published(
    example: dict[str, Any], lambda_client: LambdaClient
):
    lambda_client.failures = 2

    answer = example["publish"](a_session().id, 7, "Good morning.", NOW)

    assert (answer["type"], len(lambda_client.functions)) == ("captionPublished", 3)


def test_the_example_shows_why_a_caption_is_refused(
    example: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    store(status=Status.PAUSED)

    example["on_recognized"](public_view(a_session()), "Good morning.", NOW + 15_200)

    assert capsys.readouterr().out == "SESSION_PAUSED Session is paused\n"


def test_the_event_is_answered_with_the_fields_of_the_answer():
    answer = HANDLER.handler(EVENT, None)

    assert answer.keys() == PUBLISHED.keys()
    assert (answer["type"], answer["sequence"]) == (PUBLISHED["type"], PUBLISHED["sequence"])


def test_the_error_has_the_fields_and_the_sentence_of_the_service():
    for sequence in (1, 2):
        HANDLER.handler({**EVENT, "sequence": sequence, "text": "x" * 1000}, None)

    answer = HANDLER.handler({**EVENT, "sequence": ERROR["sequence"]}, None)

    assert answer.keys() == ERROR.keys()
    assert {name: answer[name] for name in ("type", "code", "message", "action", "sequence")} == {
        name: ERROR[name] for name in ("type", "code", "message", "action", "sequence")
    }


def test_every_code_that_an_invocation_may_get_is_explained():
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", PAGE, re.MULTILINE))

    # An invocation has no connection whose rights could be missing.
    assert explained == {code for _, code in MESSAGE_ERRORS.values()} - {"NOT_AUTHORIZED"}
    assert all(issubclass(error, Refusal) or error is Exception for error in MESSAGE_ERRORS)


def test_the_policy_allows_what_the_example_does_and_nothing_else(
    example: dict[str, Any], lambda_client: LambdaClient
):
    example["publish"](a_session().id, 7, "Good morning.", NOW)

    (statement,) = POLICY["Statement"]
    (called,) = lambda_client.functions
    assert statement["Action"] == "lambda:InvokeFunction"
    pattern = re.sub("REGION|ACCOUNT|ENVIRONMENT", "[a-z0-9-]+", statement["Resource"])
    assert re.fullmatch(pattern, called)


def test_the_policy_names_the_function_and_the_alias_of_terraform():
    main = (ROOT / "terraform" / "main.tf").read_text()
    module = (ROOT / "terraform" / "modules" / "function" / "main.tf").read_text()
    (name,) = re.findall(r'prefix = "([^"]+)"', main)
    (alias,) = re.findall(r'resource "aws_lambda_alias" "live" {\n +name += "([^"]+)"', module)

    resource = POLICY["Statement"][0]["Resource"]

    assert resource.endswith(
        f":function:{name.replace('${var.environment}', 'ENVIRONMENT')}-publish_caption:{alias}"
    )


# the audio


class Reader:
    """The example that reads the audio. Each of its rounds takes `round_s` on its clock.

    `heard` is what it has handed over to be recognized, by the partition key of the session.
    """

    round_s = 0.25

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._now = NOW / 1000 + 60
        self._iterators: dict[str, str | None] = {}
        self.heard: dict[str, list[bytes]] = {}
        self.says: dict[bytes, str] = {}
        names["time"] = SimpleNamespace(time=lambda: self._now, sleep=self._sleep)
        names["STREAM"] = AUDIO_STREAM

    def run(self, *rounds: Callable[[], object], until_idle_s: float = 3.0) -> None:
        """Read from now on; before each round do the next of these, then wait until nothing is held."""
        steps = iter([lambda: None, *rounds, *[lambda: None] * round(until_idle_s / self.round_s)])

        def running() -> bool:
            step = next(steps, None)
            if step:
                step()
            return step is not None

        self._names["run"](self._recognize, running)

    def _recognize(self, key: str, audio: bytes) -> list[str]:
        self.heard.setdefault(key, []).append(audio)
        return [self.says[audio]] if audio in self.says else []

    def _sleep(self, seconds: float) -> None:
        self._now += self.round_s


@pytest.fixture
def reader(example: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Reader:
    """Load the reader, with the first example as the module that it imports."""
    module = ModuleType("publish_captions")
    vars(module).update(example)
    monkeypatch.setitem(sys.modules, "publish_captions", module)
    names: dict[str, Any] = {}
    exec(compile(READER, "docs/pipeline.md", "exec"), names)  # our own page
    return Reader(names)


def send(audio: bytes, session_id: str = "", **fields: Any) -> None:
    """Send a chunk as the speaker of a session."""
    event = message(
        "audioChunk",
        {"audioData": base64_of(audio), "timestamp": NOW, **fields},
        session_id=session_id or a_session().id,
        speaker=ALICE,
    )
    assert json.loads(SEND_AUDIO.handler(event, None)["body"])["type"] == "audioAccepted"


CHUNKS = [pcm(200, seed) for seed in range(40)]
KEY = f"{a_session().id}#{NOW}"


def test_the_reader_has_at_most_60_lines():
    assert READER.count("\n") <= 60


@pytest.mark.parametrize("counted", [True, False], ids=["by sequence", "by timestamp"])
@pytest.mark.parametrize("seed", range(3))
def test_the_reader_hands_over_all_audio_in_order_and_once(reader: Reader, counted: bool, seed: int):
    chance = random.Random(seed)
    sent = [
        (number, {"timestamp": NOW + 256 * number} | ({"sequence": number + 1} if counted else {}))
        for number in range(len(CHUNKS))
    ]
    # Each overtakes up to three others, and every fifth is sent twice.
    sent.sort(key=lambda chunk: chunk[0] + chance.uniform(0, 3))
    for chunk in sent[::5]:
        sent.insert(sent.index(chunk) + chance.randrange(1, 4), chunk)

    reader.run(*(lambda n=number, f=fields: send(CHUNKS[n], **f) for number, fields in sent))

    assert len(data(KINESIS)) == len(CHUNKS) + 8
    assert reader.heard == {KEY: CHUNKS}


def test_the_reader_hands_over_counted_chunks_as_soon_as_they_are_in_order(reader: Reader):
    reader.run(*(lambda n=number: send(CHUNKS[n], sequence=n + 1) for number in range(3)), until_idle_s=0.25)

    assert reader.heard == {KEY: CHUNKS[:3]}


def test_the_reader_waits_a_second_for_a_chunk_and_goes_on_without_it(reader: Reader):
    def check(heard: list[bytes]) -> Callable[[], None]:
        def step() -> None:
            assert reader.heard == {KEY: heard}

        return step

    reader.run(
        lambda: send(CHUNKS[0], sequence=1),
        lambda: send(CHUNKS[2], sequence=3),
        *[check(CHUNKS[:1])] * 4,
        check([CHUNKS[0], CHUNKS[2]]),
        lambda: send(CHUNKS[1], sequence=2),
    )

    assert reader.heard == {KEY: [CHUNKS[0], CHUNKS[2]]}


def test_the_reader_joins_a_session_that_speaks_already(reader: Reader):
    send(CHUNKS[0], sequence=1)

    reader.run(lambda: send(CHUNKS[1], sequence=2), lambda: send(CHUNKS[2], sequence=3))

    assert reader.heard == {KEY: CHUNKS[1:3]}


def test_the_reader_keeps_sessions_apart_and_publishes_what_each_says(reader: Reader):
    other = a_session(id="holy-psalm-100")
    SessionsTable(CLIENT, SESSIONS_TABLE).add(other, reusable_before=NOW_S)
    reader.says = {CHUNKS[1]: "Good morning.", CHUNKS[3]: "Peace."}

    reader.run(
        lambda: send(CHUNKS[0], sequence=1),
        lambda: send(CHUNKS[2], other.id, sequence=1),
        lambda: send(CHUNKS[1], sequence=2),
        lambda: send(CHUNKS[3], other.id, sequence=2),
    )

    assert reader.heard == {KEY: CHUNKS[:2], f"{other.id}#{NOW}": CHUNKS[2:4]}
    captions = [LIVE_CAPTIONS.last(SessionRef(session.id, NOW)) for session in (a_session(), other)]
    assert [caption and caption.text for caption in captions] == ["Good morning.", "Peace."]


def test_the_reader_reads_shards_that_are_added(reader: Reader):
    def split_every_shard() -> None:
        for shard in KINESIS.list_shards(StreamName=AUDIO_STREAM)["Shards"]:
            keys = shard["HashKeyRange"]
            middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
            KINESIS.split_shard(
                StreamName=AUDIO_STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
            )

    reader.run(lambda: send(CHUNKS[0], sequence=1), split_every_shard, lambda: send(CHUNKS[1], sequence=2))

    assert reader.heard == {KEY: CHUNKS[:2]}


def test_the_record_has_the_fields_of_the_stream():
    send(CHUNKS[0], sequence=7)

    (record,) = data(KINESIS)
    assert record.keys() == RECORD.keys()
    assert {name: type(value) for name, value in record.items()} == {
        name: type(value) for name, value in RECORD.items()
    }


def test_the_readers_policy_allows_what_the_reader_does_and_nothing_else(reader: Reader):
    with recorded_operations(KINESIS) as operations:
        reader.run(lambda: send(CHUNKS[0], sequence=1))

    (statement,) = READER_POLICY["Statement"]
    assert {f"kinesis:{operation}" for operation in operations} == {*statement["Action"], "kinesis:PutRecord"}


def test_the_readers_policy_names_the_stream_of_terraform():
    main = (ROOT / "terraform" / "main.tf").read_text()
    (prefix,) = re.findall(r'prefix = "([^"]+)"', main)
    (name,) = re.findall(r'source = "./modules/audio_stream".*?name = "([^"]+)"', main, re.DOTALL)

    resource = READER_POLICY["Statement"][0]["Resource"]

    name = name.replace("${local.prefix}", prefix.replace("${var.environment}", "ENVIRONMENT"))
    assert resource == f"arn:aws:kinesis:REGION:ACCOUNT:stream/{name}"
    stream = re.search('^STREAM = "(.+)"$', READER, re.MULTILINE)
    assert stream
    assert stream[1] == name.replace("ENVIRONMENT", "dev")
