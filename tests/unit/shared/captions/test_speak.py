"""Voices of captions: for whom, in which languages, in which order, and what is dropped and counted."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.delivery import MAX_PARALLEL
from shared.captions.caption import StoredCaption
from shared.captions.speak import MAX_AGE_MS, RETRY_MS
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.sessions.session import QualityTier, Session, Status
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.sessions import NOW, a_session
from tests.support.voice_harness import VoiceHarness, a_spoken_caption

PREMIUM = a_session(quality_tier=QualityTier.PREMIUM)
ES, FR = a_listener(id="es"), a_listener(id="fr", target_language="fr")
SPEAKER, ENGLISH = a_speaker(id="speaker"), a_listener(id="en", target_language="en")
AUDIENCE = (SPEAKER, ENGLISH, ES, FR)


def counts(harness: VoiceHarness) -> list[tuple[int, int]]:
    """Return (voices sent, voices dropped) of each caption that was counted."""
    return [(figures["spoken"], figures["dropped"]) for figures in harness.counted]


# --- Who hears what


def test_each_listener_hears_the_translation_into_its_language():
    harness = VoiceHarness(*AUDIENCE)

    harness.handle(a_spoken_caption(7, "es", "fr"))

    assert harness.messages["es"] == [
        {
            "type": "translatedAudio",
            "sessionId": "blessed-shepherd-427",
            "sequenceNumber": 7,
            "targetLanguage": "es",
            "url": "https://voice.example.com/blessed-shepherd-427/7/es.mp3",
            "transcript": "[es] Sentence 7.",
            "timestamp": NOW + 1000,
        }
    ]
    assert harness.heard("fr") == [(7, "fr")]
    assert harness.called("add es") == ["add es es: [es] Sentence 7."]


def test_the_speaker_and_listeners_to_the_source_language_hear_nothing():
    harness = VoiceHarness(*AUDIENCE)

    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert harness.messages.keys() == {"es", "fr"}


def test_a_language_is_spoken_once_for_all_of_its_listeners_and_the_largest_audience_first():
    others = [a_listener(id=f"fr-{number}", target_language="fr") for number in range(3)]
    harness = VoiceHarness(ES, *others)

    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert harness.called("synthesize") == [
        "synthesize fr [fr] Sentence 1.",
        "synthesize es [es] Sentence 1.",
    ]
    assert [harness.heard(row.id) for row in others] == [[(1, "fr")]] * 3


def test_a_language_that_nobody_listens_to_any_more_is_not_spoken():
    harness = VoiceHarness(ES)

    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert harness.called("synthesize") == ["synthesize es [es] Sentence 1."]


def test_a_language_without_a_translation_is_not_spoken():
    harness = VoiceHarness(ES, FR)

    harness.handle(a_spoken_caption(1, "es"))

    assert (harness.heard("es"), harness.heard("fr")) == ([(1, "es")], [])


@pytest.mark.parametrize(
    "rows",
    [
        (),
        (SPEAKER, ENGLISH),
        (a_waiting_listener(),),
        (replace(ES, expires_at=NOW // 1000),),
        (replace(ES, session_created_at=NOW - 1),),
        (replace(ES, target_language="xx"),),
    ],
    ids=["nobody", "source language", "not admitted", "expired", "earlier session", "unknown language"],
)
def test_without_a_listener_nothing_is_spoken_or_counted(rows: tuple[Any, ...]):
    harness = VoiceHarness(*rows)

    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert (harness.called("synthesize"), harness.called("post"), harness.counted) == ([], [], [])


@pytest.mark.parametrize(
    "session",
    [
        a_session(),
        replace(PREMIUM, quality_tier="platinum"),
        replace(PREMIUM, status=Status.ENDED, ended_at=NOW + 5),
        replace(PREMIUM, expires_at=NOW // 1000),
        replace(PREMIUM, created_at=NOW + 1),
    ],
    ids=["standard", "unknown tier", "ended", "expired", "later session of the id"],
)
def test_no_other_session_than_a_live_premium_one_is_spoken(session: Session):
    harness = VoiceHarness(*AUDIENCE, sessions=[session])

    harness.handle(a_spoken_caption(1, "es"), a_spoken_caption(2, "es"))

    assert (harness.calls, harness.counted) == (["get"], [])


def test_a_session_that_is_gone_is_not_spoken():
    harness = VoiceHarness(*AUDIENCE, sessions=[])

    harness.handle(a_spoken_caption(1, "es"))

    assert (harness.calls, harness.counted) == (["get"], [])


def test_a_paused_session_still_hears_what_was_said_before_the_pause():
    harness = VoiceHarness(ES, sessions=[replace(PREMIUM, status=Status.PAUSED)])

    harness.handle(a_spoken_caption())

    assert harness.heard("es") == [(1, "es")]


def test_captions_are_heard_in_order_and_the_audience_is_read_for_each():
    harness = VoiceHarness(ES)

    def change(call: str) -> None:
        if call == "post es":
            harness.connections.rows[ES.session_id, ES.id] = replace(ES, target_language="fr")

    harness.after = change
    harness.handle(a_spoken_caption(1, "es", "fr"), a_spoken_caption(2, "es", "fr"))

    assert harness.heard("es") == [(1, "es"), (2, "fr")]


def test_no_captions_take_no_call():
    harness = VoiceHarness(ES)

    harness.handle()

    assert harness.calls == []


# --- What is counted


def test_the_voices_of_a_caption_are_counted_with_their_characters_and_their_delay():
    harness = VoiceHarness(*AUDIENCE)
    caption = a_spoken_caption(1, "es", "fr")

    harness.handle(caption)

    characters = sum(len(text) for text in caption.translations.values())
    assert harness.counted == [{"latency_ms": 1000, "characters": characters, "spoken": 2, "dropped": 0}]


@pytest.mark.parametrize("failing", ["synthesize es", "add es"])
def test_a_voice_that_fails_is_dropped_and_stops_no_other(failing: str):
    harness = VoiceHarness(ES, FR)
    harness.failing = {failing}

    harness.handle(a_spoken_caption(1, "es", "fr"), a_spoken_caption(2, "es", "fr"))

    assert harness.heard("es") == []
    assert harness.heard("fr") == [(1, "fr"), (2, "fr")]
    assert counts(harness) == [(1, 1), (1, 1)]
    assert len(harness.called("synthesize es")) == 2  # once for each caption: nothing is tried again


def test_a_voice_that_cannot_be_stored_is_not_announced():
    harness = VoiceHarness(ES)
    harness.failing = {"add"}

    harness.handle(a_spoken_caption())

    assert (harness.messages, counts(harness)) == ({}, [(0, 1)])


# --- Late voices


@pytest.mark.parametrize(("late_ms", "heard"), [(0, [(1, "es")]), (1, [])])
def test_a_caption_older_than_10_s_is_not_spoken(late_ms: int, heard: list[tuple[int, str]]):
    harness = VoiceHarness(ES, FR, now=NOW + MAX_AGE_MS + late_ms)

    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert MAX_AGE_MS == 10_000
    assert harness.heard("es") == heard
    if late_ms:
        assert harness.calls == ["get"]
        assert counts(harness) == [(0, 2)]


def test_a_caption_that_becomes_late_is_no_longer_spoken_in_the_other_languages():
    harness = VoiceHarness(ES, FR)

    def wait(call: str) -> None:
        if call.startswith("add es"):
            harness.now = NOW + MAX_AGE_MS + 1

    harness.before = wait
    harness.handle(a_spoken_caption(1, "es", "fr"))

    assert len(harness.called("synthesize")) == 1
    assert (harness.messages, counts(harness)) == ({}, [(0, 2)])


def test_a_slow_voice_does_not_make_the_captions_after_it_late():
    harness = VoiceHarness(ES)

    def wait(call: str) -> None:
        if call.startswith("synthesize es [es] Sentence 1."):
            harness.now = NOW + MAX_AGE_MS + 1

    harness.before = wait
    harness.handle(a_spoken_caption(1), a_spoken_caption(2), a_spoken_caption(3, published_at=NOW + 9000))

    assert harness.heard("es") == [(3, "es")]
    assert counts(harness) == [(0, 1), (0, 1), (1, 0)]


# --- Faults of tables and connections


@pytest.mark.parametrize("fault", [ServiceUnavailable(), UnreadableRow()])
def test_when_the_session_cannot_be_read_all_voices_are_dropped_and_nothing_is_repeated(fault: Exception):
    harness = VoiceHarness(ES)

    def fail(call: str) -> None:
        if call == "get":
            raise fault

    harness.before = fail
    harness.handle(a_spoken_caption(1, "es", "fr"), a_spoken_caption(2, "es"))

    assert harness.called("synthesize") == []
    assert counts(harness) == [(0, 2), (0, 1)]


def test_when_the_audience_cannot_be_read_only_the_voices_of_that_caption_are_dropped():
    harness = VoiceHarness(ES)

    def fail_once(call: str) -> None:
        if harness.calls.count("of_session") == 1 and call == "of_session":
            raise ServiceUnavailable

    harness.before = fail_once
    harness.handle(a_spoken_caption(1), a_spoken_caption(2))

    assert harness.heard("es") == [(2, "es")]
    assert counts(harness) == [(0, 1), (1, 0)]


def test_a_connection_that_is_gone_is_left_to_the_next_caption():
    harness = VoiceHarness(ES, a_listener(id="gone"), now=NOW + 9000)
    harness.open.remove("gone")

    harness.handle(a_spoken_caption())

    assert harness.heard("es") == [(1, "es")]
    assert harness.called("remove") == []
    assert counts(harness) == [(1, 0)]


def test_throttled_posts_are_repeated_for_a_second_and_then_counted():
    harness = VoiceHarness(ES, a_listener(id="throttled"))

    def throttle(call: str) -> None:
        if call == "post throttled":
            raise ServiceUnavailable

    harness.before = throttle
    harness.handle(a_spoken_caption(1), a_spoken_caption(2))

    assert harness.heard("es") == [(1, "es"), (2, "es")]
    assert counts(harness) == [(0, 1), (0, 1)]
    assert harness.now == NOW + 1000 + 2 * RETRY_MS


# --- Killed half way


class Killed(BaseException):
    """The function's process ends: no error handler makes another call."""


CALLS = [
    "get",
    "of_session",
    "synthesize es [es] Sentence 1.",
    "add es",
    "post es",
    "synthesize es [es] Sentence 2.",
]


@pytest.mark.parametrize("moment", CALLS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_function_that_is_killed_half_way_and_run_again_speaks_every_caption(moment: str, when: str):
    harness = VoiceHarness(ES)
    captions = [a_spoken_caption(1), a_spoken_caption(2)]

    def kill(call: str) -> None:
        if call.startswith(moment):
            setattr(harness, when, lambda _: None)
            raise Killed

    setattr(harness, when, kill)
    with pytest.raises(Killed):
        harness.handle(*captions)
    harness.handle(*captions)

    # A client drops a voice whose sequence number is not above the last one's.
    assert harness.heard("es")[-2:] == [(1, "es"), (2, "es")]
    assert {message["url"] for message in harness.messages["es"]} == {
        f"https://voice.example.com/{PREMIUM.id}/{sequence}/es.mp3" for sequence in (1, 2)
    }


def test_run_again_after_ten_seconds_it_speaks_nothing():
    harness = VoiceHarness(ES)
    captions = [a_spoken_caption(1), a_spoken_caption(2)]
    harness.handle(*captions)

    harness.now += MAX_AGE_MS
    harness.handle(*captions)

    assert harness.heard("es") == [(1, "es"), (2, "es")]


# --- Bounded parallelism


@pytest.mark.parametrize("threads", [1, 2])
def test_no_more_voices_are_made_at_once_than_there_are_threads(threads: int):
    languages = ("es", "fr", "de", "it", "pt")
    rows = [a_listener(id=language, target_language=language) for language in languages]
    others = [replace(row, id=f"{row.id}-2", session_id="holy-psalm-100") for row in rows]
    sessions = [PREMIUM, replace(PREMIUM, id="holy-psalm-100")]
    lock, full, at_once, most = threading.Lock(), threading.Event(), 0, 0
    posts = ThreadPoolExecutor(2 * MAX_PARALLEL)

    def begin(call: str) -> None:
        nonlocal at_once, most
        if call.startswith("synthesize"):
            with lock:
                at_once += 1
                most = max(most, at_once)
                if at_once == threads:
                    full.set()
            # Each waits until as many are at work as may be.
            assert full.wait(timeout=30)

    def end(call: str) -> None:
        nonlocal at_once
        if call.startswith("add"):
            with lock:
                at_once -= 1

    with ThreadPoolExecutor(threads) as voices, ThreadPoolExecutor(2) as callers, posts:
        harness = VoiceHarness(*rows, *others, sessions=sessions, executor=posts)
        harness.speak_captions._executor = voices
        harness.before, harness.after = begin, end
        of_first = [a_spoken_caption(number, *languages) for number in (1, 2)]
        futures = [
            callers.submit(harness.handle, *captions)
            for captions in (of_first, [of_other(stored) for stored in of_first])
        ]
        for future in futures:
            future.result()

    assert most == threads
    assert {tuple(harness.heard(row.id)) for row in (*rows, *others)} == {
        ((1, language), (2, language)) for language in languages
    }


def of_other(stored: StoredCaption) -> StoredCaption:
    """Return the same caption of another session."""
    session = stored.caption.session._replace(id="holy-psalm-100")
    return replace(stored, caption=replace(stored.caption, session=session))
