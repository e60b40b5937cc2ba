"""The cost model bills exactly the calls that the functions make."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from scripts.docs import cost
from scripts.docs.cost import FAN_OUT_MEMORY_MB, LISTENER_HOUR, MEMORY_MB, OPERATIONS, UPDATE_COUNT, Use
from scripts.project import ROOT
from shared.audio.chunk import SAMPLE_BYTES, SAMPLE_RATE
from shared.aws.audio_stream import to_data
from shared.sessions.session import LIFETIME_S, Language
from tests.support import http_events, tables, websocket_events
from tests.support.audio import a_chunk, base64_of, pcm
from tests.support.aws_calls import recorded_calls
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.http_events import CREATE, DELETE, GET, LIST, LIST_CAPTIONS, SPEAKER, UPDATE

Handler = Callable[[dict[str, Any]], dict[str, Any]]
PREMIUM = {"sourceLanguage": "en", "qualityTier": "premium"}


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """Record the calls of the functions. DynamoDB is moto."""
    with mock_aws():
        tables.create_tables(botocore.session.get_session().create_client("dynamodb"))
        responses = {
            "TranslateText": {"TranslatedText": "Buenos días."},
            "SynthesizeSpeech": {"AudioStream": BytesIO(b"mp3")},
        }
        with recorded_calls(responses) as calls:
            yield calls


def message(action: str, session_id: str, connection_id: str, **fields: Any) -> dict[str, Any]:
    """Return the event of a message of the speaker's connection, or of a listener's."""
    speaker = SPEAKER if connection_id == "speaker" else None
    return websocket_events.message(
        action, fields, session_id=session_id, connection_id=connection_id, speaker=speaker
    )


def handler(function: str) -> Handler:
    """Load the handler of a Lambda function."""
    module = load_handler(function)
    return lambda event: module.handler(event, LAMBDA_CONTEXT)


def test_the_model_lists_the_calls_of_each_operation(
    calls: list[str], socket_disabled: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # presence_changed waits for ten seconds
    http = {
        name: handler(f"{name}_session{'s' if name == 'list' else ''}")
        for name in ("create", "get", "list", "update", "delete")
    }
    connect, disconnect = handler("connect_session"), handler("disconnect_session")
    session_changed, connections_changed = handler("session_changed"), handler("connections_changed")
    presence_changed, sweep_sessions = handler("presence_changed"), handler("sweep_sessions")
    connection_admitted, translate_captions = handler("connection_admitted"), handler("translate_captions")
    client = botocore.session.get_session().create_client("dynamodb")
    sessions, connections, live_captions, captions = (
        tables.Stream(client, table)
        for table in (
            *(tables.SESSIONS_TABLE, tables.CONNECTIONS_TABLE),
            *(tables.LIVE_CAPTIONS_TABLE, tables.CAPTIONS_TABLE),
        )
    )
    measured: dict[str, Counter[str]] = {}

    def measure(operation: str, handle: Handler, event: dict[str, Any]) -> dict[str, Any]:
        calls.clear()
        response = handle(event)
        measured[operation] = Counter(calls)
        return response

    created = measure("create", http["create"], http_events.event(CREATE, body=PREMIUM))
    session_id = json.loads(created["body"])["sessionId"]
    keyed = http_events.event(CREATE, body={"sourceLanguage": "en"}, headers={"Idempotency-Key": "k"})
    measure("create with a key", http["create"], keyed)
    measure("get", http["get"], http_events.event(GET, session_id=session_id))
    measure("list", http["list"], http_events.event(LIST))
    connect(websocket_events.connect(session_id, connection_id="speaker", speaker=SPEAKER))
    speaker_connects = {"Records": connections.new_records()}
    measure("count after the speaker connects", connections_changed, speaker_connects)
    measure("welcome the speaker", connection_admitted, speaker_connects)
    connect(websocket_events.connect(session_id, connection_id="leaving", language="es"))
    joins = connections.new_records()
    measure("connect", connect, websocket_events.connect(session_id, connection_id="staying", language="es"))
    staying_joins = connections.new_records()
    measure("welcome a listener", connection_admitted, {"Records": staying_joins})
    sessions.new_records()
    measure("count listeners", connections_changed, {"Records": joins + staying_joins})
    new_counts = sessions.new_records()
    measure("ignore a new count", session_changed, {"Records": new_counts})
    disconnect(websocket_events.disconnect(session_id, connection_id="speaker"))
    connections_changed({"Records": connections.new_records()})
    measure("notify of an absence", presence_changed, {"Records": sessions.new_records()[-1:]})
    connect(websocket_events.connect(session_id, connection_id="speaker", speaker=SPEAKER))
    measure("disconnect", disconnect, websocket_events.disconnect(session_id, connection_id="leaving"))
    again = message("joinSession", session_id, "staying")
    measure("describe the session again", handler("join_session"), again)
    connections.new_records()
    change = message("changeLanguage", session_id, "staying", targetLanguage="fr")
    measure("change the language", handler("change_language"), change)
    language_changes = {"Records": connections.new_records()}
    measure("send the last captions in it", connection_admitted, language_changes)
    publish = handler("publish_caption")
    now = time.time_ns()
    monkeypatch.setattr(
        time, "time_ns", lambda: now
    )  # both captions are of one minute, which the first begins
    for sequence, operation in (1, "publish the first caption of a minute"), (2, "publish a caption"):
        event = message("publishCaption", session_id, "speaker", sequence=sequence, text="Good morning.")
        measure(operation, publish, event)
    caption = {"Records": live_captions.new_records()[-1:]}
    measure("translate and send a caption", translate_captions, caption)
    chunk = message("audioChunk", session_id, "speaker", audioData=base64_of(pcm()), timestamp=0)
    measure("send a chunk of audio", handler("send_audio"), chunk)
    marked = captions.new_records()[-1:]
    measure("speak a caption", handler("speak_captions"), {"Records": marked})
    measure(
        "list captions", handler("list_captions"), http_events.event(LIST_CAPTIONS, session_id=session_id)
    )
    measure("sweep", sweep_sessions, {"time": datetime.now(UTC).isoformat()})
    sessions.new_records()
    pause = http_events.event(UPDATE, session_id=session_id, body={"status": "paused"})
    measure("update", http["update"], pause)
    measure("notify of an update", session_changed, {"Records": sessions.new_records()})
    measure("delete", http["delete"], http_events.event(DELETE, session_id=session_id))
    measure("notify of the end", session_changed, {"Records": sessions.new_records()})

    # Each write of a count to the session invokes session_changed, which ignores it.
    assert len(new_counts) == OPERATIONS["count listeners"].calls.count(UPDATE_COUNT)
    connected = ["speaker", "staying"]
    # The speaker hears no voice.
    listening = {"speak a caption": ["staying"]}
    assert measured | {"heartbeat": Counter()} == {
        name: Counter(
            call.name
            for call in (
                operation.calls
                + operation.calls_per_connection * len(listening.get(name, connected))
                + operation.calls_per_language  # the listener's
            )
        )
        for name, operation in OPERATIONS.items()
    }


def test_a_listener_hour_bills_the_invocations_that_its_counts_cause():
    invocations = {
        name: OPERATIONS[name].use.invocations for name in ("connect", "disconnect", "count listeners")
    }

    # A join with its welcome and a leave, with one count each and one write of each count.
    assert LISTENER_HOUR.invocations == sum(invocations.values()) + invocations["count listeners"] + 3


def test_an_hour_of_speech_is_the_sum_of_the_counted_operations():
    publish, first = OPERATIONS["publish a caption"], OPERATIONS["publish the first caption of a minute"]
    send = OPERATIONS["translate and send a caption"]
    captions, connections = cost.CAPTIONS_PER_HOUR, cost.AUDIENCE
    translations = sum(call.characters for call in send.calls_per_language) * cost.LANGUAGES

    hour = cost.hour_of_speech(cost.LANGUAGES, listeners=connections - 1)  # and the speaker

    one = send.total() + send.per_connection() * connections + Use(characters=translations)
    counted = publish.total() * (captions - 60) + first.total() * 60 + one * captions
    assert vars(hour) == pytest.approx(vars(counted))


def test_speech_costs_a_translation_per_language_and_a_message_per_listener():
    hours = {
        (languages, listeners): cost.hour_of_speech(languages, listeners)
        for languages in (0, 1, 5)
        for listeners in (100, 500)
    }

    # The speaker publishes and gets an answer, and the captions go to the speaker too.
    assert {key: hour.messages for key, hour in hours.items()} == {
        (languages, listeners): 1_200 * (2 + listeners + 1) for languages, listeners in hours
    }
    assert {key: hour.characters for key, hour in hours.items()} == {
        (languages, listeners): 50_400 * languages for languages, listeners in hours
    }


def test_an_hour_of_audio_is_3600_seconds_of_records_that_kinesis_bills_in_full_kilobytes():
    chunk = a_chunk(audio=pcm(cost.AUDIO_CHUNK_BYTES))
    record = len(to_data(chunk)) + len(f"{chunk.session.id}#{chunk.session.created_at}")

    samples = cost.AUDIO_CHUNKS_PER_HOUR * cost.AUDIO_CHUNK_BYTES / SAMPLE_BYTES
    assert samples / SAMPLE_RATE == pytest.approx(3600, abs=0.256)
    assert -(-record // 1024) * 1024 == cost.AUDIO_RECORD_BYTES
    assert cost.AUDIO_HOUR.messages == 2 * cost.AUDIO_CHUNKS_PER_HOUR  # a chunk and its answer
    assert cost.AUDIO_HOUR.audio_bytes == cost.AUDIO_CHUNKS_PER_HOUR * cost.AUDIO_RECORD_BYTES


def test_voice_costs_a_neural_voice_and_a_file_per_language_and_what_each_listener_reads():
    hours = {
        (languages, listeners): cost.hour_of_voice(languages, listeners)
        for languages in (1, 2, 5)
        for listeners in (100, 500)
    }

    assert {key: (hour.spoken_characters, hour.puts) for key, hour in hours.items()} == {
        (languages, listeners): (50_400 * languages, 1_200 * languages) for languages, listeners in hours
    }
    assert {key: (hour.messages, hour.gets) for key, hour in hours.items()} == {
        (languages, listeners): (1_200 * listeners, 1_200 * listeners) for languages, listeners in hours
    }
    # 50,400 characters are spoken in 3,360 s.
    assert {hour.transferred_bytes / listeners for (_, listeners), hour in hours.items()} == {3_360 * 6_000}
    # Two languages at once take as long as one.
    assert hours[2, 100].milliseconds == hours[1, 100].milliseconds == hours[5, 100].milliseconds / 3


def test_the_model_has_as_many_voices_at_once_as_the_function():
    assert load_handler("speak_captions").MAX_VOICES == cost.VOICE_LANGUAGES_AT_ONCE


def test_what_is_not_translated_is_written_once_less_and_its_audience_read_once():
    untranslated, translated = cost.hour_of_speech(0, 100), cost.hour_of_speech(1, 100)

    assert translated.writes - untranslated.writes == 1_200
    assert translated.reads - untranslated.reads == 1_200 * 4  # 101 connections of 160 bytes


def test_the_most_that_a_session_can_cost_translates_every_character_that_is_allowed():
    uses = cost.most_of_a_session()

    assert uses["translation"].characters == 2_000 * 60 * 24 * 18
    # One lane sends to 501 connections, one caption after the other.
    sending = next(use for cause, use in uses.items() if cause.startswith("messages to 500 listeners"))
    assert sending.milliseconds == pytest.approx(24 * 3_600_000, rel=0.001)
    assert sending.messages == pytest.approx(24 * 3_600_000 / cost.POST_MS, rel=0.001)
    assert all(sum(cost.costs(use).values()) > 0 for use in uses.values())


def test_the_most_that_a_session_can_cost_has_the_limits_of_terraform():
    variables = (ROOT / "terraform/variables.tf").read_text()
    default = re.search(r'"caption_characters_per_minute" \{.*?default += (\d+)', variables, re.DOTALL)
    environments = [path.read_text() for path in (ROOT / "terraform/environments").glob("*.tfvars")]

    assert default
    assert int(default[1]) == cost.MAX_CHARACTERS_PER_MINUTE
    assert not any("caption_characters_per_minute" in text for text in environments)
    assert {
        limit for text in environments for limit in re.findall(r"^max_listeners += (\d+)", text, re.MULTILINE)
    } == {str(cost.MAX_LISTENERS)}
    assert len(Language) - 1 == cost.MAX_LANGUAGES
    assert timedelta(hours=cost.SESSION_HOURS).total_seconds() == LIFETIME_S


def test_the_model_bills_the_memory_that_functions_have():
    root = "".join((ROOT / "terraform" / name).read_text() for name in ("main.tf", "functions.tf"))

    assert re.findall(r"function_memory_mb +=( \d+)", root) == [f" {MEMORY_MB}"]
    assert re.findall(r"one_processor_mb =( \d+)", root) == [f" {FAN_OUT_MEMORY_MB}"]
