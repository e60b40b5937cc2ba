"""The stream of the live_captions table, from a batch of records to captions on open connections."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws

from scripts.project import ROOT
from shared.audience.connection import SessionRef
from shared.audience.delivery import MAX_PARALLEL, Delivery
from shared.aws.captions_table import CaptionsTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.live_captions_table import LiveCaptionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.metrics import EmbeddedMetrics
from shared.aws.sessions_table import SessionsTable
from shared.aws.translate import Translate
from shared.captions.caption import Caption, StoredCaption
from shared.captions.translate import TranslateCaptions
from shared.events import table_stream
from shared.events.table_stream import Record
from shared.sessions.session import Language, Status
from tests.support.caption_harness import CaptionHarness
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker
from tests.support.executors import SequentialExecutor
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, a_session
from tests.support.tables import LIVE_CAPTIONS_TABLE, Stream, create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("translate_captions")
USE_CASE: TranslateCaptions = HANDLER.translate_captions
SESSIONS: SessionsTable = USE_CASE._sessions
CONNECTIONS: ConnectionsTable = HANDLER.connections
HISTORY: CaptionsTable = USE_CASE._history
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}
SECRET = "The secret of the house."


class FakeTranslate:
    """The SDK's client of Amazon Translate; `fault` is raised instead of an answer."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.fault: Exception | None = None

    def translate_text(self, **request: str) -> dict[str, str]:
        self.requests.append((request["Text"], request["TargetLanguageCode"]))
        if self.fault:
            raise self.fault
        return {"TranslatedText": f"[{request['TargetLanguageCode']}] {request['Text']}"}


class World:
    """A session with a speaker and listeners in es and fr; Amazon Translate; the @connections API."""

    def __init__(self) -> None:
        self.translate = FakeTranslate()
        self.management_api = FakeManagementApi("speaker", "es", "fr")
        self.clock = Clock(NOW + 20_000)

    def sleep(self, seconds: float) -> None:
        self.clock.now += round(seconds * 1000)

    def texts(self, connection_id: str) -> list[str]:
        return [message["text"] for message in self.management_api.messages.get(connection_id, [])]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    # moto's writes are not atomic between threads.
    one_thread = SequentialExecutor()
    gateway = ManagementApi(world.management_api)  # type: ignore[arg-type]
    monkeypatch.setattr(HANDLER, "sessions_at_once", one_thread)
    monkeypatch.setattr(
        HANDLER,
        "translate_captions",
        TranslateCaptions(
            SESSIONS,
            CONNECTIONS,
            HISTORY,
            Translate(world.translate),
            Delivery(CONNECTIONS, gateway, one_thread, world.clock, world.sleep),
            EmbeddedMetrics("test"),
            one_thread,
            world.clock,
            max_languages=19,
        ),
    )
    with mock_aws():
        create_tables(SESSIONS._client)
        SESSIONS.add(a_session(), reusable_before=0)
        for row in (a_speaker(id="speaker"), a_listener(id="es"), a_listener(id="fr", target_language="fr")):
            CONNECTIONS.add(row)
        yield world


def handle(*captions: Caption, previous: Caption | None = None) -> dict[str, Any]:
    """Handle the records of captions that followed each other."""
    changes = [*zip((previous, *captions), captions, strict=False)]
    return HANDLER.handler(stream(*changes), LAMBDA_CONTEXT)


def test_a_published_caption_reaches_everybody_in_their_language(world: World):
    live_captions = Stream(SESSIONS._client, LIVE_CAPTIONS_TABLE)
    table = LiveCaptionsTable(SESSIONS._client, LIVE_CAPTIONS_TABLE)
    for sequence in (1, 2):
        assert table.publish(a_caption(sequence), characters_per_minute=2000) is None

    response = HANDLER.handler({"Records": live_captions.new_records()}, LAMBDA_CONTEXT)

    assert response == NO_FAILURES
    assert {name: world.texts(name) for name in ("speaker", "es", "fr")} == {
        "speaker": ["Sentence 1.", "Sentence 2."],
        "es": ["[es] Sentence 1.", "[es] Sentence 2."],
        "fr": ["[fr] Sentence 1.", "[fr] Sentence 2."],
    }
    assert HISTORY.last(a_caption().session, 9) == [
        StoredCaption(
            caption=a_caption(sequence),
            translations={
                Language.SPANISH: f"[es] Sentence {sequence}.",
                Language.FRENCH: f"[fr] Sentence {sequence}.",
            },
            delivered_at=world.clock.now,
        )
        for sequence in (1, 2)
    ]


def test_a_caption_takes_six_calls_of_tables_whatever_the_number_of_listeners(world: World):
    with record_calls(SESSIONS._client) as calls:
        handle(a_caption())

    assert calls == [
        "sessions:GetItem",
        "captions:PutItem",
        "connections:Query",
        "captions:UpdateItem",
        "connections:Query",
        "captions:UpdateItem",
    ]


def test_a_record_that_is_delivered_again_sends_nothing_again(world: World):
    handle(a_caption(1))
    handle(a_caption(1))
    handle(a_caption(1), a_caption(2))

    assert world.texts("es") == ["[es] Sentence 1.", "[es] Sentence 2."]
    assert len(world.translate.requests) == 4


def test_the_removal_of_a_row_and_a_row_that_cannot_be_read_stop_nothing(world: World):
    event = stream((a_caption(1), None), (a_caption(1), a_caption(2)), (None, a_caption(3)))
    del event["Records"][1]["dynamodb"]["NewImage"]["publishedAt"]

    assert HANDLER.handler(event, LAMBDA_CONTEXT) == NO_FAILURES

    assert world.texts("es") == ["[es] Sentence 3."]
    assert HANDLER.handler(stream((a_caption(3), None)), LAMBDA_CONTEXT) == NO_FAILURES


def test_the_captions_of_a_recycled_id_are_not_mixed_up(world: World):
    earlier = a_caption(1, session=SessionRef("blessed-shepherd-427", NOW - 10**9))

    assert handle(earlier, a_caption(2)) == NO_FAILURES

    assert world.texts("es") == ["[es] Sentence 2."]
    assert HISTORY.last(earlier.session, 9) == []


def test_a_session_that_fails_stops_no_other_of_its_batch(world: World, monkeypatch: pytest.MonkeyPatch):
    other = a_session(id="holy-psalm-100")
    SESSIONS.add(other, reusable_before=0)
    CONNECTIONS.add(a_listener(id="stranger", session_id=other.id))
    world.management_api.open.add("stranger")
    of_other = partial(a_caption, session=SessionRef(other.id, NOW))
    get = SESSIONS._client.get_item

    def fail_for_the_first(**parameters: Any) -> Any:
        if parameters["Key"]["sessionId"]["S"] != other.id:
            raise ReadTimeoutError(endpoint_url="dynamodb")
        return get(**parameters)

    event = stream((None, a_caption(1)), (None, of_other(1)), (a_caption(1), a_caption(2)))
    monkeypatch.setattr(SESSIONS._client, "get_item", fail_for_the_first)
    first = HANDLER.handler(event, LAMBDA_CONTEXT)
    monkeypatch.undo()

    assert first == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert world.texts("stranger") == ["[es] Sentence 1."]


def test_throttling_by_api_gateway_leaves_nothing_to_retry_and_is_counted(
    world: World, capsys: pytest.CaptureFixture[str]
):
    def throttle(_operation: str, connection_id: str) -> None:
        if connection_id == "es":
            raise client_error(429)

    world.management_api.before = throttle

    assert handle(a_caption(1), a_caption(2)) == NO_FAILURES

    assert world.texts("fr") == ["[fr] Sentence 1.", "[fr] Sentence 2."]
    assert capsys.readouterr().out.count('"UndeliveredCaptionCount": 1') == 2


def test_an_ended_session_keeps_its_last_caption_and_sends_nothing(world: World):
    ended = a_session(status=Status.ENDED, ended_at=NOW + 5)
    SESSIONS.add(ended, reusable_before=10**12)

    assert handle(a_caption()) == NO_FAILURES

    assert (world.management_api.messages, world.translate.requests) == ({}, [])
    assert HISTORY.last(a_caption().session, 9) == [StoredCaption(caption=a_caption())]


def test_no_log_and_no_metric_has_what_was_said(
    world: World, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    caplog.set_level("DEBUG", logger="stream")
    caplog.set_level("INFO", logger="aws")
    world.translate.fault = client_error(400, "TranslateText")
    world.management_api.before = lambda operation, connection_id: (_ for _ in ()).throw(client_error(403))
    unreadable = stream((None, a_caption(2, text=SECRET)))
    unreadable["Records"][0]["dynamodb"]["NewImage"]["spokenAt"] = {"S": SECRET}

    handle(a_caption(1, text=SECRET))
    HANDLER.handler(unreadable, LAMBDA_CONTEXT)

    logged = "".join(str(vars(record)) for record in caplog.records)
    assert len(caplog.records) >= 5
    assert "secret" not in logged
    assert "secret" not in capsys.readouterr().out


def test_the_function_has_a_thread_for_everything_that_a_batch_can_do_at_once():
    table = (ROOT / "terraform" / "functions.tf").read_text()
    entry = re.search(r"^    translate_captions = \{$(.*?)^    \}$", table, re.MULTILINE | re.DOTALL)
    batch_size = re.search(r"batch_size += (\d+)", entry[1])  # type: ignore[index]

    assert int(batch_size[1]) == HANDLER.MAX_SESSIONS  # type: ignore[index]
    assert HANDLER.sessions_at_once._max_workers == HANDLER.MAX_SESSIONS
    assert USE_CASE._executor._max_workers == HANDLER.MAX_SESSIONS * len(Language)  # type: ignore[attr-defined]
    assert USE_CASE._delivery._executor._max_workers == HANDLER.MAX_SESSIONS * MAX_PARALLEL  # type: ignore[attr-defined]
    translate: Any = USE_CASE._translator
    assert translate._client.meta.config.max_pool_connections == HANDLER.MAX_TRANSLATIONS
    gateway: Any = USE_CASE._delivery._gateway
    assert gateway._client.meta.config.max_pool_connections == HANDLER.MAX_SESSIONS * MAX_PARALLEL
    assert SESSIONS._client.meta.config.max_pool_connections == HANDLER.MAX_SESSIONS


# Sessions of one batch, in threads as the function has them


class Batch:
    """Two sessions whose captions are handled at once: `slow` and `other`, each with listeners."""

    def __init__(self, *, listeners: int = 1) -> None:
        self.sessions = [a_session(id="holy-psalm-100"), a_session(id="pure-hope-200")]
        rows = [
            a_listener(id=f"{name}-{number}", session_id=session.id)
            for session, name in zip(self.sessions, ("slow", "other"), strict=True)
            for number in range(listeners if name == "slow" else 1)
        ]
        self.executor = ThreadPoolExecutor(HANDLER.MAX_SESSIONS * MAX_PARALLEL)
        self.harness = CaptionHarness(*rows, sessions=self.sessions, executor=self.executor)

    def handle(self, *counts: int) -> None:
        """Handle so many captions of each session as one batch."""
        captions = [
            a_caption(sequence, session=SessionRef(session.id, NOW))
            for session, count in zip(self.sessions, counts, strict=True)
            for sequence in range(1, count + 1)
        ]
        records = [Record(None, caption, str(number)) for number, caption in enumerate(captions)]
        with ThreadPoolExecutor(HANDLER.MAX_SESSIONS) as sessions_at_once:
            response = table_stream.process_groups(
                records,
                lambda caption: caption.session,
                lambda group: self.harness.handle(*(record.new for record in group if record.new)),
                sessions_at_once,
            )
        self.executor.shutdown()
        assert response == NO_FAILURES


def test_a_slow_translation_of_one_session_does_not_delay_another():
    batch = Batch()
    delivered = threading.Event()
    harness = batch.harness
    translate = harness.translate
    waited: list[bool] = []

    def translate_slowly(text: str, *, source: Language, target: Language) -> str | None:
        if text == "Sentence 3.":  # of the slow session only
            waited.append(delivered.wait(timeout=60))
        return translate(text, source=source, target=target)

    harness.translate_captions._translator = SimpleNamespace(translate=translate_slowly)  # type: ignore[assignment]
    harness.after = lambda call: delivered.set() if call == "post other-0" else None
    batch.handle(3, 1)

    assert waited == [True]
    assert harness.sequences("slow-0") == [1, 2, 3]


@pytest.mark.parametrize("slow_posts", [MAX_PARALLEL, 100])
def test_a_flood_of_posts_to_one_session_does_not_delay_another(slow_posts: int):
    batch = Batch(listeners=slow_posts)
    delivered = threading.Event()
    waited: list[bool] = []

    def before(call: str) -> None:
        if call.startswith("post slow"):
            waited.append(delivered.wait(timeout=60))

    batch.harness.before = before
    batch.harness.after = lambda call: delivered.set() if call == "post other-0" else None
    batch.handle(2, 1)

    assert waited == [True] * (2 * slow_posts)


def test_each_of_many_listeners_gets_every_caption_once_and_in_order_from_many_threads():
    batch = Batch(listeners=200)

    batch.handle(4, 3)

    assert {tuple(batch.harness.sequences(f"slow-{number}")) for number in range(200)} == {(1, 2, 3, 4)}
    assert batch.harness.sequences("other-0") == [1, 2, 3]
