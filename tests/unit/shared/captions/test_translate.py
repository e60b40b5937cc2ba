"""Translating captions: who gets what in which language and order, and what a repeated call does again."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, SessionRef
from shared.audience.delivery import RESERVE_MS, RETRY_INTERVAL_S
from shared.audience.messages import encode
from shared.captions.caption import StoredCaption
from shared.captions.translate import MAX_AGE_MS, RETRY_MS
from shared.errors import ConnectionUnreachable, ServiceUnavailable, UnreadableRow
from shared.sessions.session import Language, QualityTier, Session, Status
from tests.support.caption_harness import AFTER_HANDSHAKE, CaptionHarness, Killed
from tests.support.captions import a_caption
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.sessions import NOW, NOW_S, a_session

SPANISH, FRENCH, GERMAN, ENGLISH = Language.SPANISH, Language.FRENCH, Language.GERMAN, Language.ENGLISH
SPEAKER, ES, FR = a_speaker(id="speaker"), a_listener(id="es"), a_listener(id="fr", target_language=FRENCH)


def listeners(**counts: int) -> list[Any]:
    """Return so many listeners of each language."""
    return [
        a_listener(id=f"{language}-{number}", target_language=Language(language))
        for language, count in counts.items()
        for number in range(count)
    ]


def fail(*calls: str, times: int = 10**9) -> Callable[[str], None]:
    """Return a `before` that fails the first calls with one of these names."""
    remaining = Counter(dict.fromkeys(calls, times))

    def before(call: str) -> None:
        if remaining[call] > 0:
            remaining[call] -= 1
            raise ServiceUnavailable

    return before


# who gets what


def test_each_listener_gets_the_caption_in_their_language_and_the_speaker_the_source_text():
    harness = CaptionHarness(SPEAKER, ES, FR, a_listener(id="en", target_language=ENGLISH))

    harness.handle(a_caption())

    assert {name: harness.texts(name) for name in ("speaker", "es", "fr", "en")} == {
        "speaker": ["Sentence 1."],
        "es": ["[en-es] Sentence 1."],
        "fr": ["[en-fr] Sentence 1."],
        "en": ["Sentence 1."],
    }
    assert harness.messages["es"][0] == {
        "type": "caption",
        "sessionId": "blessed-shepherd-427",
        "sequence": 1,
        "language": "es",
        "text": "[en-es] Sentence 1.",
        "sourceLanguage": "en",
        "translated": True,
        "spokenAt": NOW,
        "timestamp": NOW,
    }
    assert (harness.messages["en"][0]["language"], harness.messages["en"][0]["translated"]) == ("en", False)


def test_a_text_is_translated_once_per_language_and_stored_with_one_write():
    harness = CaptionHarness(*listeners(es=3, fr=2, en=4))

    harness.handle(a_caption())

    assert sorted(harness.called("translate")) == ["translate es", "translate fr"]
    assert harness.called("set_") == ["set_translations", "set_delivered"]
    assert harness.stored() == StoredCaption(
        caption=a_caption(),
        translations={SPANISH: "[en-es] Sentence 1.", FRENCH: "[en-fr] Sentence 1."},
        delivered_at=harness.now,
    )


def test_a_message_is_encoded_once_for_each_language(monkeypatch: pytest.MonkeyPatch):
    encoded: list[object] = []

    def count(message: Any) -> bytes:
        encoded.append(message)
        return encode(message)

    monkeypatch.setattr("shared.captions.translate.encode", count)
    harness = CaptionHarness(SPEAKER, *listeners(es=30, fr=20))

    harness.handle(a_caption())

    assert len(encoded) == 3
    assert len(harness.called("post")) == 51


def test_without_listeners_nothing_is_translated_and_the_speaker_still_gets_the_caption():
    harness = CaptionHarness(SPEAKER)

    harness.handle(a_caption())

    assert harness.texts("speaker") == ["Sentence 1."]
    assert harness.called("translate") == harness.called("set_translations") == []
    assert harness.stored() == StoredCaption(caption=a_caption(), delivered_at=harness.now)


def test_without_any_connection_the_caption_is_stored():
    harness = CaptionHarness()

    harness.handle(a_caption())

    assert harness.stored().caption == a_caption()
    assert harness.called("translate") == harness.called("post") == []


@pytest.mark.parametrize(
    "row",
    [
        a_waiting_listener(id="nobody"),
        a_listener(id="nobody", expires_at=NOW_S),
        a_listener(id="nobody", session_created_at=NOW - 1),
    ],
    ids=["waits for admission", "expired", "of an earlier session"],
)
def test_a_connection_that_does_not_count_gets_nothing_and_is_not_translated_for(row: Any):
    harness = CaptionHarness(FR, row)

    harness.handle(a_caption())

    assert harness.called("translate") == ["translate fr"]
    assert harness.called("post") == ["post fr"]


@pytest.mark.parametrize(
    ("maximum", "translated"), [(0, []), (1, ["fr"]), (2, ["de", "fr"]), (19, ["de", "es", "fr"])]
)
def test_the_languages_with_most_listeners_are_translated_and_the_others_get_the_source_text(
    maximum: int, translated: list[str]
):
    harness = CaptionHarness(*listeners(es=1, fr=3, de=2, en=9), max_languages=maximum)

    harness.handle(a_caption())

    assert sorted(harness.stored().translations) == translated
    for language in ("es", "fr", "de"):
        (message,) = harness.messages[f"{language}-0"]
        text = f"[en-{language}] Sentence 1." if language in translated else "Sentence 1."
        assert (message["text"], message["translated"]) == (text, language in translated)


def test_between_equally_common_languages_the_choice_is_the_same_for_every_caption():
    harness = CaptionHarness(*listeners(fr=1, es=1, de=1), max_languages=2)

    harness.handle(a_caption(1))
    harness.connections.rows = dict(reversed(harness.connections.rows.items()))
    harness.handle(a_caption(2))

    assert sorted(harness.stored(1).translations) == sorted(harness.stored(2).translations) == ["de", "es"]


def test_a_caption_in_another_language_than_the_one_before_is_translated_for_other_listeners():
    harness = CaptionHarness(*listeners(es=1, en=1))

    harness.handle(a_caption(1), a_caption(2, source_language=SPANISH))

    assert harness.texts("es-0") == ["[en-es] Sentence 1.", "Sentence 2."]
    assert harness.texts("en-0") == ["Sentence 1.", "[es-en] Sentence 2."]


def test_a_language_that_this_release_does_not_know_gets_the_source_text():
    harness = CaptionHarness(ES, a_listener(id="uk", target_language="uk"))

    harness.handle(a_caption())

    assert harness.called("translate") == ["translate es"]
    assert harness.texts("uk") == ["Sentence 1."]


def test_the_translation_that_another_release_has_stored_is_sent_and_kept():
    harness = CaptionHarness(ES, a_listener(id="uk", target_language="uk"))
    harness.history.add(a_caption())
    harness.history.set_translations(a_caption(), {"uk": "Речення."})  # type: ignore[dict-item]

    harness.handle(a_caption())

    assert harness.messages["uk"][0] | {"timestamp": 0} == {
        **harness.messages["es"][0], "language": "uk", "text": "Речення.", "timestamp": 0,
    }  # fmt: skip
    assert sorted(harness.stored().translations) == ["es", "uk"]


def test_what_is_said_in_a_language_that_this_release_does_not_know_is_sent_untranslated():
    harness = CaptionHarness(ES)

    harness.handle(a_caption(source_language="uk"))

    assert harness.called("translate") == []
    assert harness.messages["es"][0]["language"] == harness.messages["es"][0]["sourceLanguage"] == "uk"


def test_a_text_of_any_script_arrives_unchanged():
    text = '"quotes" \\ <b>&amp;</b>\nnew line\t你好 🙂 שלום'
    harness = CaptionHarness(a_listener(id="en", target_language=ENGLISH))

    harness.handle(a_caption(text=text))

    assert harness.texts("en") == [text]


# sessions that are over


@pytest.mark.parametrize(
    "session",
    [None, a_session(expires_at=AFTER_HANDSHAKE // 1000), a_session(created_at=NOW + 1)],
    ids=["gone", "expired", "another with the same id"],
)
def test_the_caption_of_a_session_that_is_gone_is_dropped(session: Session | None):
    harness = CaptionHarness(ES, sessions=[session] if session else [])

    harness.handle(a_caption())

    assert (harness.history.rows, harness.messages, harness.called("translate")) == ({}, {}, [])


def test_the_caption_of_a_session_that_has_ended_is_stored_only():
    harness = CaptionHarness(ES, SPEAKER, sessions=[a_session(status=Status.ENDED)])

    harness.handle(a_caption())

    assert harness.stored() == StoredCaption(caption=a_caption())
    assert (harness.messages, harness.called("translate")) == ({}, [])


@pytest.mark.parametrize("status", [Status.PAUSED, "rehearsal"])
def test_a_caption_that_was_published_before_a_pause_is_delivered(status: Any):
    harness = CaptionHarness(ES, sessions=[a_session(status=status)])

    harness.handle(a_caption())

    assert harness.texts("es") == ["[en-es] Sentence 1."]


def test_no_caption_makes_no_call():
    harness = CaptionHarness(ES)

    harness.handle()

    assert harness.calls == []


# order and age


def test_the_captions_of_a_batch_arrive_in_order():
    harness = CaptionHarness(SPEAKER, ES, FR)

    harness.handle(*(a_caption(sequence) for sequence in (3, 4, 9)))

    assert {name: harness.sequences(name) for name in ("speaker", "es", "fr")} == {
        "speaker": [3, 4, 9], "es": [3, 4, 9], "fr": [3, 4, 9],
    }  # fmt: skip


def test_two_records_of_one_caption_are_handled_once():
    harness = CaptionHarness(ES)

    harness.handle(a_caption(1), a_caption(1), a_caption(2), a_caption(2))

    assert harness.sequences("es") == [1, 2]
    assert harness.called("translate") == ["translate es"] * 2
    assert len(harness.handled) == 2


def test_a_batch_reads_its_session_once_and_translates_all_captions_before_it_sends_the_first():
    harness = CaptionHarness(ES)

    harness.handle(a_caption(1), a_caption(2))

    assert harness.calls == [
        "get", "add", "add", "of_session", "translate es", "translate es", "set_translations",
        "set_translations", "of_session", "post es", "set_delivered", "of_session", "post es",
        "set_delivered",
    ]  # fmt: skip


def test_the_audience_is_read_once_where_nothing_is_translated():
    harness = CaptionHarness(SPEAKER)

    harness.handle(a_caption(1))

    assert harness.calls == ["get", "add", "of_session", "post speaker", "set_delivered"]


@pytest.mark.parametrize(("age_ms", "sent"), [(MAX_AGE_MS, 1), (MAX_AGE_MS + 1, 0)])
def test_a_caption_older_than_a_minute_is_translated_for_the_history_and_not_sent(age_ms: int, sent: int):
    harness = CaptionHarness(SPEAKER, ES)

    harness.handle(a_caption(published_at=harness.now - age_ms))

    assert len(harness.texts("es")) == len(harness.texts("speaker")) == sent
    assert dict(harness.stored().translations) == {SPANISH: "[en-es] Sentence 1."}
    assert (harness.stored().delivered_at is not None) is bool(sent)
    assert harness.handled[0]["undelivered"] == (0 if sent else 2)


def test_the_captions_that_follow_an_old_one_are_sent():
    harness = CaptionHarness(ES)

    harness.handle(a_caption(1, published_at=harness.now - MAX_AGE_MS - 1), a_caption(2))

    assert harness.sequences("es") == [2]


def test_without_time_the_rest_is_left_to_the_next_invocation():
    harness = CaptionHarness(ES)
    harness.after = lambda call: setattr(harness, "now", harness.now + 1000) if call == "post es" else None

    with pytest.raises(ServiceUnavailable):
        harness.handle(*map(a_caption, range(1, 10)), time_left=RESERVE_MS + 1500)
    first = harness.sequences("es")
    harness.handle(*map(a_caption, range(1, 10)))

    assert first == [1, 2]
    assert harness.sequences("es") == [*range(1, 10)]


# joining and leaving meanwhile


def test_a_listener_who_is_admitted_while_the_caption_is_translated_gets_it():
    harness = CaptionHarness(ES)
    late = a_listener(id="late", target_language=GERMAN)

    def join(call: str) -> None:
        if call == "translate es":
            harness.connections.add(late)
            harness.open.add("late")

    harness.after = join
    harness.handle(a_caption())

    assert harness.texts("late") == ["Sentence 1."]


@pytest.mark.parametrize("moment", ["add", "of_session", "translate es", "set_translations", "post es"])
def test_a_listener_who_is_admitted_at_any_moment_finds_the_caption_in_the_history_or_gets_it(moment: str):
    harness = CaptionHarness(ES)
    read: list[list[StoredCaption]] = []

    def join_and_read_the_history(call: str) -> None:
        if call == moment and not read:
            harness.connections.add(a_listener(id="late"))
            harness.open.add("late")
            read.append(harness.history.last(a_caption().session, 20))

    harness.after = join_and_read_the_history
    harness.handle(a_caption())

    translated = [stored for stored in read[0] if stored.translations]
    assert harness.texts("late") or translated


def test_who_changes_the_language_between_two_captions_gets_the_second_in_the_new_one():
    harness = CaptionHarness(ES, FR)

    def change(call: str) -> None:
        if call == "set_delivered":
            harness.connections.set_language(ES.session_id, ES.id, FRENCH, harness.now)

    harness.after = change
    harness.handle(a_caption(1), a_caption(2))

    assert harness.texts("es") == ["[en-es] Sentence 1.", "[en-fr] Sentence 2."]


def test_a_connection_that_is_gone_is_removed_and_not_sent_the_next_caption():
    harness = CaptionHarness(ES, FR)
    harness.open.remove("es")

    harness.handle(a_caption(1), a_caption(2))

    assert harness.called("post") == ["post es", "post fr", "post fr"]
    assert [row.id for row in harness.connections.rows.values()] == ["fr"]


def test_a_row_that_cannot_be_removed_holds_nothing_back():
    harness = CaptionHarness(ES, FR)
    harness.open.remove("es")
    harness.before = fail("remove_all")

    harness.handle(a_caption(1), a_caption(2))

    assert harness.sequences("fr") == [1, 2]


def test_a_connection_in_the_handshake_is_neither_removed_nor_waited_for():
    joining = a_listener(id="joining", joined_at=AFTER_HANDSHAKE - HANDSHAKE_S * 1000 + 1)
    harness = CaptionHarness(ES, joining)
    harness.open.remove("joining")

    harness.handle(a_caption())

    assert harness.called("post") == ["post es", "post joining"]
    assert (harness.now, len(harness.connections.rows)) == (AFTER_HANDSHAKE, 2)
    assert harness.stored().delivered_at == AFTER_HANDSHAKE


def test_a_connection_that_api_gateway_rejects_is_skipped():
    harness = CaptionHarness(ES, FR)

    def reject(call: str) -> None:
        if call == "post es":
            raise ConnectionUnreachable

    harness.before = reject
    harness.handle(a_caption(1), a_caption(2))

    assert (harness.sequences("fr"), len(harness.connections.rows)) == ([1, 2], 2)
    assert harness.called("post es") == ["post es"] * 2


# throttling by API Gateway


def test_a_throttled_connection_is_tried_again_and_the_others_are_not():
    harness = CaptionHarness(ES, FR)
    harness.before = fail("post es", times=2)

    harness.handle(a_caption(1), a_caption(2))

    assert harness.sequences("es") == harness.sequences("fr") == [1, 2]
    assert harness.now == AFTER_HANDSHAKE + 2 * RETRY_INTERVAL_S * 1000
    assert [one["undelivered"] for one in harness.handled] == [0, 0]


def test_a_connection_that_stays_throttled_delays_the_next_caption_by_a_few_seconds_and_is_counted():
    harness = CaptionHarness(ES, FR)
    harness.before = fail("post es")

    harness.handle(a_caption(1), a_caption(2))

    assert harness.sequences("fr") == [1, 2]
    assert harness.now == AFTER_HANDSHAKE + 2 * RETRY_MS
    assert [one["undelivered"] for one in harness.handled] == [1, 1]
    assert harness.stored(1).delivered_at is not None


# Amazon Translate


def test_a_translation_that_fails_is_replaced_by_the_source_text_and_counted():
    harness = CaptionHarness(ES, FR)
    harness.before = fail("translate es")

    harness.handle(a_caption())

    assert (harness.messages["es"][0]["text"], harness.messages["es"][0]["translated"]) == (
        "Sentence 1.",
        False,
    )
    assert harness.texts("fr") == ["[en-fr] Sentence 1."]
    assert dict(harness.stored().translations) == {FRENCH: "[en-fr] Sentence 1."}
    assert harness.handled == [
        {"latency_ms": 20_000, "characters": len("Sentence 1."), "failures": 1, "undelivered": 0}
    ]


def test_when_translate_is_down_all_get_the_source_text_and_when_it_is_back_the_translation():
    harness = CaptionHarness(ES, FR)
    harness.before = fail("translate es", "translate fr", times=2)

    for sequence in (1, 2, 3):
        harness.handle(a_caption(sequence))

    assert harness.texts("es") == ["Sentence 1.", "Sentence 2.", "[en-es] Sentence 3."]
    assert [one["failures"] for one in harness.handled] == [2, 2, 0]
    assert len(harness.called("set_translations")) == 1


def test_the_translations_of_a_batch_are_requested_at_the_same_time():
    # The barrier opens only if all six calls wait at it at once.
    barrier = threading.Barrier(6, timeout=60)
    with ThreadPoolExecutor(16) as executor:
        harness = CaptionHarness(ES, FR, executor=executor)

        def meet(call: str) -> None:
            if call.startswith("translate"):
                barrier.wait()

        harness.before = meet

        harness.handle(a_caption(1), a_caption(2), a_caption(3))

    assert harness.texts("es") == [f"[en-es] Sentence {sequence}." for sequence in (1, 2, 3)]


# failures, and what a repeated call does again


@pytest.mark.parametrize("call", ["get", "add", "of_session", "set_translations", "set_delivered"])
def test_a_table_that_does_not_answer_leaves_the_captions_to_the_next_invocation(call: str):
    harness = CaptionHarness(ES)
    harness.before = fail(call, times=1)

    with pytest.raises(ServiceUnavailable):
        harness.handle(a_caption(1), a_caption(2))
    harness.handle(a_caption(1), a_caption(2))

    assert list(dict.fromkeys(harness.sequences("es"))) == [1, 2]
    assert all(stored.delivered_at for stored in harness.history.rows.values())


PREMIUM = a_session(quality_tier=QualityTier.PREMIUM)


@pytest.mark.parametrize("tier", QualityTier)
def test_a_translated_caption_of_a_premium_session_is_marked_for_its_voice(tier: QualityTier):
    harness = CaptionHarness(ES, sessions=[replace(PREMIUM, quality_tier=tier)])

    harness.handle(a_caption())

    assert harness.stored().translations
    assert harness.stored().voice is (tier is QualityTier.PREMIUM)


def test_a_caption_without_a_translation_is_not_marked():
    harness = CaptionHarness(SPEAKER, a_listener(id="en", target_language=ENGLISH), ES, sessions=[PREMIUM])
    harness.before = fail("translate es")

    harness.handle(a_caption())

    assert harness.stored().delivered_at
    assert not harness.stored().voice


def test_a_caption_is_marked_by_its_last_write_so_that_its_voice_comes_after_it():
    harness = CaptionHarness(ES, sessions=[PREMIUM])
    marked: list[tuple[str, bool]] = []
    harness.after = lambda call: marked.append((call, (1, True) in voices(harness)))

    harness.handle(a_caption())

    assert [call for call, voice in marked if voice] == ["set_delivered"]
    assert marked.index(("post es", False)) < marked.index(("set_delivered", True))


def voices(harness: CaptionHarness) -> list[tuple[int, bool]]:
    """Return the sequence and the mark of each caption that is stored."""
    return [(stored.caption.sequence, stored.voice) for stored in harness.history.rows.values()]


def test_a_caption_that_is_too_old_to_be_delivered_is_not_marked():
    harness = CaptionHarness(ES, sessions=[PREMIUM], now=NOW + MAX_AGE_MS + 1)

    harness.handle(a_caption())

    assert not harness.stored().voice


def test_a_caption_that_is_delivered_is_not_handled_again():
    harness = CaptionHarness(ES)
    harness.handle(a_caption(1))
    harness.calls.clear()

    harness.handle(a_caption(1))
    assert harness.calls == ["get", "add"]

    harness.handle(a_caption(1), a_caption(2))
    assert harness.sequences("es") == [1, 2]


CALLS = 18  # of the batch below


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(CALLS))
def test_after_a_kill_at_any_call_only_what_is_unfinished_is_done_again(number: int, when: str):
    harness = CaptionHarness(ES, FR)
    done: list[str] = []

    def kill(call: str) -> None:
        if len(harness.calls) == number + 1:
            raise Killed

    def finish(call: str) -> None:
        done.append(call)

    def finish_and_kill(call: str) -> None:
        finish(call)
        kill(call)

    harness.before, harness.after = (kill, finish) if when == "before" else (harness.before, finish_and_kill)
    with pytest.raises(Killed):
        harness.handle(a_caption(1), a_caption(2))
    first, translated = list(done), len(harness.called("translate"))
    stored = dict(harness.history.rows)
    harness.before, harness.after = lambda call: None, finish

    harness.handle(a_caption(1), a_caption(2))

    assert sorted(harness.history.rows) == [(a_caption().session, 1), (a_caption().session, 2)]
    assert all(row.delivered_at and len(row.translations) == 2 for row in harness.history.rows.values())
    # What was marked as delivered is sent no more, and what was translated is not translated again.
    delivered = [row.caption.sequence for row in stored.values() if row.delivered_at]
    for name in ("es", "fr"):
        assert list(dict.fromkeys(harness.sequences(name))) == [1, 2]
        assert all(harness.sequences(name).count(sequence) == 1 for sequence in delivered)
        assert len(harness.sequences(name)) <= 3
    untranslated = 2 - sum(bool(row.translations) for row in stored.values())
    assert len(harness.called("translate")) - translated == 2 * untranslated
    assert len(first) <= CALLS


def test_the_batch_of_the_test_above_makes_so_many_calls():
    harness = CaptionHarness(ES, FR)

    harness.handle(a_caption(1), a_caption(2))

    assert len(harness.calls) == CALLS


def test_a_stored_caption_that_cannot_be_read_stops_no_other(monkeypatch: pytest.MonkeyPatch):
    harness = CaptionHarness(ES)
    add = harness.history.add

    def unreadable(caption: Any) -> StoredCaption:
        if caption.sequence == 1:
            raise UnreadableRow
        return add(caption)

    monkeypatch.setattr(harness.history, "add", unreadable)
    harness.handle(a_caption(1), a_caption(2))

    assert harness.sequences("es") == [2]


# metrics


def test_each_caption_is_counted_with_its_latency_and_the_characters_of_all_translations():
    harness = CaptionHarness(ES, FR, SPEAKER)

    harness.handle(a_caption(1, text="x" * 30, published_at=harness.now - 700), a_caption(2, text="yy"))

    assert harness.handled == [
        {"latency_ms": 700, "characters": 60, "failures": 0, "undelivered": 0},
        {"latency_ms": 20_000, "characters": 4, "failures": 0, "undelivered": 0},
    ]


def test_the_caption_of_another_session_with_the_id_of_this_one_is_not_mixed_up():
    earlier = SessionRef("blessed-shepherd-427", NOW - 10**9)
    harness = CaptionHarness(ES)

    harness.handle(a_caption(1, session=earlier))

    assert harness.messages == {}
