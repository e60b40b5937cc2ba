"""The stream of the captions table, from a batch of records to voices on open connections."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from moto import mock_aws

from scripts.local.config.event_sources import EventSource
from shared.audience.connection import SessionRef
from shared.audience.delivery import MAX_PARALLEL, Delivery
from shared.aws import captions_table
from shared.aws.captions_table import CaptionsTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.polly import Polly
from shared.aws.sessions_table import SessionsTable
from shared.aws.voice_bucket import VoiceBucket
from shared.captions.caption import StoredCaption
from shared.captions.speak import MAX_AGE_MS, SpeakCaptions
from shared.sessions.session import Language, QualityTier
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.executors import SequentialExecutor
from tests.support.handlers import LAMBDA_CONTEXT, SETTINGS, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, a_session
from tests.support.tables import CAPTIONS_TABLE, Stream, create_tables, record_calls
from tests.support.voice_harness import a_spoken_caption
from tests.support.websocket_events import stream

HANDLER = load_handler("speak_captions")
USE_CASE: SpeakCaptions = HANDLER.speak_captions
SESSIONS: SessionsTable = USE_CASE._sessions
CONNECTIONS: ConnectionsTable = HANDLER.connections
BUCKET = SETTINGS["VOICE_BUCKET"]
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
SECRET = "The secret of the house."
FILTER = EventSource(
    "uuid", "speak_captions", "arn", "stream",
    ({"dynamodb": {"NewImage": {"voice": {"BOOL": [{"exists": True}]}}}, "eventName": ["MODIFY"]},),
)  # fmt: skip
"""What terraform/tests expects of the event source mapping."""


class FakePolly:
    """The SDK's client of Amazon Polly; `fault` is raised instead of an answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    def synthesize_speech(self, **request: str) -> dict[str, Any]:
        self.requests.append((request["VoiceId"], request["Text"]))
        if self.fault:
            raise self.fault
        return {"AudioStream": BytesIO(request["Text"].encode())}


class World:
    """A premium session with a speaker and listeners in es and fr; Amazon Polly; the @connections API."""

    def __init__(self) -> None:
        self.polly = FakePolly()
        self.management_api = FakeManagementApi("speaker", "es", "fr")
        self.clock = Clock(NOW + 1000)
        self.s3: Any = USE_CASE._voices._client  # type: ignore[attr-defined]

    def sleep(self, seconds: float) -> None:
        self.clock.now += round(seconds * 1000)

    def heard(self, connection_id: str) -> list[str]:
        messages = self.management_api.messages.get(connection_id, [])
        return [message["transcript"] for message in messages]

    def files(self) -> dict[str, bytes]:
        """Return the stored voices by their keys."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            entry["Key"]: self.s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
            for entry in listed
        }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    # moto is not safe between threads.
    one_thread = SequentialExecutor()
    gateway = ManagementApi(world.management_api)  # type: ignore[arg-type]
    monkeypatch.setattr(HANDLER, "sessions_at_once", one_thread)
    monkeypatch.setattr(
        HANDLER,
        "speak_captions",
        SpeakCaptions(
            SESSIONS,
            CONNECTIONS,
            Polly(world.polly),
            VoiceBucket(world.s3, BUCKET),
            Delivery(CONNECTIONS, gateway, one_thread, world.clock, world.sleep),
            EmbeddedMetrics("test"),
            one_thread,
            world.clock,
        ),
    )
    with mock_aws():
        create_tables(SESSIONS._client)
        world.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        SESSIONS.add(a_session(quality_tier=QualityTier.PREMIUM), reusable_before=0)
        for row in (a_speaker(id="speaker"), a_listener(id="es"), a_listener(id="fr", target_language="fr")):
            CONNECTIONS.add(row)
        yield world


def handle(*captions: StoredCaption) -> dict[str, Any]:
    """Handle the records of the writes that marked the captions."""
    changes = [(replace(one, delivered_at=None, voice=False), one) for one in captions]
    return HANDLER.handler(stream(*changes), LAMBDA_CONTEXT)


@pytest.mark.parametrize("voice", [True, False])
def test_the_write_that_marks_a_caption_is_the_only_one_that_is_handled(world: World, *, voice: bool):
    history = CaptionsTable(SESSIONS._client, CAPTIONS_TABLE)
    table = Stream(SESSIONS._client, CAPTIONS_TABLE)
    for sequence in (1, 2):
        caption = a_caption(sequence)
        history.add(caption)
        history.set_translations(caption, {Language.SPANISH: f"Frase {sequence}."})
        history.set_delivered(caption, NOW + 5, voice=voice)

    records = table.new_records()
    matching = [record for record in records if FILTER.matches(record)]
    response = HANDLER.handler({"Records": matching}, LAMBDA_CONTEXT)

    assert response == NO_FAILURES
    assert (len(records), len(matching)) == (6, 2 if voice else 0)
    assert world.heard("es") == (["Frase 1.", "Frase 2."] if voice else [])


def test_a_caption_is_spoken_stored_and_announced(world: World):
    assert handle(a_spoken_caption(7, "es", "fr")) == NO_FAILURES

    assert {name: world.heard(name) for name in ("speaker", "es", "fr")} == {
        "speaker": [],
        "es": ["[es] Sentence 7."],
        "fr": ["[fr] Sentence 7."],
    }
    assert world.polly.requests == [("Lucia", "[es] Sentence 7."), ("Lea", "[fr] Sentence 7.")]
    assert world.files() == {
        f"blessed-shepherd-427#{NOW}/7/{language}.mp3": f"[{language}] Sentence 7.".encode()
        for language in ("es", "fr")
    }
    url = world.management_api.messages["es"][0]["url"]
    assert url.startswith(
        f"https://{BUCKET}.s3.eu-west-1.amazonaws.com/blessed-shepherd-427%23{NOW}/7/es.mp3?"
    )


def test_a_batch_reads_its_session_once_and_the_audience_for_each_caption(world: World):
    with record_calls(SESSIONS._client) as calls:
        handle(a_spoken_caption(1), a_spoken_caption(2))

    assert calls == ["sessions:GetItem", "connections:Query", "connections:Query"]


def test_what_was_marked_before_a_write_is_not_spoken_again(world: World):
    marked = a_spoken_caption()
    event = stream(
        (marked, replace(marked, delivered_at=NOW + 9)), (None, a_spoken_caption(2)), (marked, None)
    )

    assert HANDLER.handler(event, LAMBDA_CONTEXT) == NO_FAILURES

    assert world.heard("es") == ["[es] Sentence 2."]


def test_a_standard_session_calls_neither_polly_nor_s3(world: World):
    SESSIONS.add(a_session(), reusable_before=10**12)

    assert handle(a_spoken_caption()) == NO_FAILURES

    assert (world.polly.requests, world.files(), world.management_api.messages) == ([], {}, {})


def test_a_caption_that_is_delivered_again_replaces_its_file(world: World):
    handle(a_spoken_caption())
    handle(a_spoken_caption())

    assert world.heard("es") == ["[es] Sentence 1."] * 2
    assert len(world.files()) == 1


def test_a_row_that_cannot_be_read_stops_nothing(world: World):
    event = stream((None, a_spoken_caption(1)), (None, a_spoken_caption(2)))
    del event["Records"][0]["dynamodb"]["NewImage"]["publishedAt"]

    assert HANDLER.handler(event, LAMBDA_CONTEXT) == NO_FAILURES

    assert world.heard("es") == ["[es] Sentence 2."]


def test_a_late_caption_is_dropped_and_counted(world: World, capsys: pytest.CaptureFixture[str]):
    world.clock.now = NOW + MAX_AGE_MS + 1

    assert handle(a_spoken_caption(1, "es", "fr")) == NO_FAILURES

    assert world.polly.requests == []
    assert '"VoiceDroppedCount": 2' in capsys.readouterr().out


@pytest.mark.parametrize(
    "fault",
    [
        client_error(429, "SynthesizeSpeech"),
        client_error(500, "SynthesizeSpeech"),
        ReadTimeoutError(endpoint_url="polly"),
        EndpointConnectionError(endpoint_url="polly"),
    ],
    ids=["throttled", "failing", "slow", "down"],
)
def test_without_polly_voices_are_dropped_and_nothing_is_retried(
    world: World, capsys: pytest.CaptureFixture[str], fault: Exception
):
    world.polly.fault = fault

    assert handle(a_spoken_caption(1), a_spoken_caption(2)) == NO_FAILURES

    assert (world.files(), world.management_api.messages) == ({}, {})
    assert capsys.readouterr().out.count('"VoiceDroppedCount": 1') == 2


@pytest.mark.parametrize(
    "fault", [client_error(503, "PutObject"), EndpointConnectionError(endpoint_url="s3")]
)
def test_without_s3_voices_are_dropped_and_nothing_is_retried(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: Exception
):
    def fail(**_: Any) -> None:
        raise fault

    monkeypatch.setattr(world.s3, "put_object", fail)

    assert handle(a_spoken_caption()) == NO_FAILURES

    assert world.management_api.messages == {}
    assert '"VoiceDroppedCount": 1' in capsys.readouterr().out


@pytest.mark.parametrize("operation", ["get_item", "query"])
def test_without_dynamodb_voices_are_dropped_and_nothing_is_retried(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], operation: str
):
    def fail(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="dynamodb")

    monkeypatch.setattr(SESSIONS._client, operation, fail)

    assert handle(a_spoken_caption()) == NO_FAILURES

    assert world.polly.requests == []
    assert '"VoiceDroppedCount": 1' in capsys.readouterr().out


def test_no_log_and_no_metric_has_what_was_said_or_a_url(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level("DEBUG", logger="stream")
    caplog.set_level("INFO", logger="aws")
    handle(a_spoken_caption(1, text=SECRET))
    world.polly.fault = client_error(400, "SynthesizeSpeech")
    handle(a_spoken_caption(2, text=SECRET))
    world.polly.fault = None
    world.management_api.before = lambda operation, connection_id: (_ for _ in ()).throw(client_error(403))
    handle(a_spoken_caption(3, text=SECRET))
    unreadable = stream((None, a_spoken_caption(4, text=SECRET)))
    unreadable["Records"][0]["dynamodb"]["NewImage"]["spokenAt"] = {"S": SECRET}
    HANDLER.handler(unreadable, LAMBDA_CONTEXT)

    logged = "".join(str(vars(record)) for record in caplog.records) + capsys.readouterr().out
    assert '"VoiceCount": 1' in logged
    assert "A caption was not spoken" in logged
    assert "A row cannot be read" in logged
    assert "secret" not in logged
    assert "X-Amz" not in logged


# --- The threads of the handler


def test_the_handler_makes_two_voices_at_once():
    assert HANDLER.MAX_VOICES == USE_CASE._executor._max_workers == 2  # type: ignore[attr-defined]
    for client in (USE_CASE._synthesizer._client, USE_CASE._voices._client):  # type: ignore[attr-defined]
        assert client.meta.config.max_pool_connections == 2
    posts = USE_CASE._delivery._executor._max_workers  # type: ignore[attr-defined]
    assert HANDLER.sessions_at_once._max_workers == HANDLER.MAX_SESSIONS
    assert posts == HANDLER.MAX_SESSIONS * MAX_PARALLEL


def test_a_slow_session_stops_no_other_of_its_batch(monkeypatch: pytest.MonkeyPatch):
    of_other = partial(a_caption, session=SessionRef("holy-psalm-100", NOW))
    done, spoken = threading.Event(), []

    def speak(captions: list[StoredCaption]) -> None:
        if captions[0].caption.session.id == "holy-psalm-100":
            done.set()
        else:
            assert done.wait(timeout=60)
        spoken.append([one.caption.sequence for one in captions])

    monkeypatch.setattr(HANDLER, "speak_captions", speak)
    with ThreadPoolExecutor(2) as sessions:
        monkeypatch.setattr(HANDLER, "sessions_at_once", sessions)
        other = replace(a_spoken_caption(), caption=of_other(5))
        event = stream((None, a_spoken_caption(1)), (None, other), (None, a_spoken_caption(2)))
        assert HANDLER.handler(event, SimpleNamespace()) == NO_FAILURES

    assert spoken == [[5], [1, 2]]


def test_the_mark_is_an_attribute_of_the_item():
    marked, unmarked = a_spoken_caption(), StoredCaption(caption=a_caption())

    assert captions_table.to_item(marked)["voice"] == {"BOOL": True}
    assert "voice" not in captions_table.to_item(unmarked)
    assert captions_table.from_item(captions_table.to_item(marked)) == marked
