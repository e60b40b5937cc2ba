"""Publishing a caption: who may, when, and which sequences."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import SessionRef
from shared.captions.caption import Caption, PublishRefused
from shared.captions.publish import PublishCaption
from shared.captions.requests import NewCaption
from shared.errors import (
    FieldError,
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    Refusal,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
)
from shared.sessions.session import Language, Status
from tests.support.captions import a_caption
from tests.support.clock import Clock
from tests.support.memory_stores import MemoryLiveCaptions, MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session

SESSION = SessionRef("blessed-shepherd-427", NOW)
AN_HOUR = 60 * 60 * 1000
MINUTE_END = (NOW // 60_000 + 1) * 60_000


class Harness:
    """The use case over stores in memory."""

    def __init__(
        self,
        *last: Caption,
        limit: int = 2000,
        live_captions: MemoryLiveCaptions | None = None,
        **session: Any,
    ) -> None:
        self.sessions = MemorySessions()
        self.sessions.rows[SESSION.id] = a_session(**session)
        self.live_captions = live_captions or MemoryLiveCaptions(*last)
        self.clock = Clock()
        self.publish_caption = PublishCaption(
            self.sessions, self.live_captions, self.clock, characters_per_minute=limit
        )

    def publish(
        self,
        sequence: int = 1,
        text: str | None = None,
        *,
        spoken_at: int | None = None,
        speaker: str | None = ALICE,
        session_id: str = SESSION.id,
    ) -> Caption | None:
        """Publish as Alice; return the last caption of the session."""
        new = NewCaption(sequence=sequence, text=text or f"Sentence {sequence}.", spoken_at=spoken_at)
        self.publish_caption(new, session_id=session_id, speaker=speaker)
        return self.live_captions.last(SESSION)

    def refusal(self, *args: Any, **kwargs: Any) -> Refusal:
        """Return why publishing is refused; the last caption must be the one before."""
        before = self.live_captions.last(SESSION)
        with pytest.raises(Refusal) as error:
            self.publish(*args, **kwargs)
        assert self.live_captions.last(SESSION) == before
        return error.value


# what is published


def test_a_caption_has_the_language_and_the_expiry_of_the_session_and_the_time_of_receipt():
    harness = Harness(source_language=Language.FRENCH)
    harness.clock.now = NOW + 5000

    assert harness.publish(7, " Bonjour.\n", spoken_at=NOW + 4000) == Caption(
        session=SESSION,
        sequence=7,
        text=" Bonjour.\n",
        source_language=Language.FRENCH,
        spoken_at=NOW + 4000,
        published_at=NOW + 5000,
        expires_at=a_session().expires_at,
    )


@pytest.mark.parametrize(
    ("spoken_at", "kept"),
    [
        (None, NOW + AN_HOUR),
        (NOW + AN_HOUR, NOW + AN_HOUR),
        (NOW + AN_HOUR + 1, NOW + AN_HOUR),
        (10**30, NOW + AN_HOUR),
        (NOW, NOW),
        (NOW - 1, NOW),
        (-(10**30), NOW),
    ],
    ids=["absent", "now", "ahead", "far ahead", "creation", "before", "far before"],
)
def test_the_time_of_speech_is_between_the_sessions_creation_and_now(spoken_at: int | None, kept: int):
    harness = Harness()
    harness.clock.now = NOW + AN_HOUR

    caption = harness.publish(spoken_at=spoken_at)

    assert caption is not None
    assert caption.spoken_at == kept


# who may publish


def test_a_caller_that_iam_has_authorized_publishes_in_every_session():
    assert Harness().publish(speaker=None) == a_caption()


def test_another_speaker_may_not_publish():
    refusal = Harness().refusal(speaker=BOB)

    assert (type(refusal), str(refusal)) == (NotAuthorized, "This connection may not send publishCaption")


def test_the_owner_of_an_earlier_session_with_the_same_id_may_not_publish():
    assert isinstance(Harness(speaker=BOB).refusal(speaker=ALICE), NotAuthorized)


# when


@pytest.mark.parametrize("session_id", ["holy-psalm-100", "", "not an id", "blessed-shepherd-427 "])
def test_an_unknown_session_is_not_found(session_id: str):
    assert isinstance(Harness().refusal(session_id=session_id), SessionNotFound)


def test_a_session_accepts_captions_until_the_second_in_which_it_expires():
    harness = Harness(expires_at=NOW_S + 10)
    harness.clock.now = (NOW_S + 10) * 1000 - 1
    harness.publish(1)
    harness.clock.now += 1

    assert isinstance(harness.refusal(2), SessionNotFound)


@pytest.mark.parametrize("speaker", [ALICE, None], ids=["speaker", "IAM"])
def test_an_ended_session_accepts_not_even_a_repeat(speaker: str | None):
    harness = Harness(a_caption(), status=Status.ENDED)

    assert isinstance(harness.refusal(2, speaker=speaker), SessionEnded)
    assert isinstance(harness.refusal(1, speaker=speaker), SessionEnded)


@pytest.mark.parametrize("speaker", [ALICE, None], ids=["speaker", "IAM"])
@pytest.mark.parametrize(
    ("sequence", "text"), [(2, None), (1, "Another text."), (5, None)], ids=["next", "changed", "later"]
)
def test_a_paused_session_accepts_no_new_caption(sequence: int, text: str | None, speaker: str | None):
    harness = Harness(a_caption(), status=Status.PAUSED)

    assert isinstance(harness.refusal(sequence, text, speaker=speaker), SessionPaused)


def test_a_session_that_is_paused_before_its_first_caption_accepts_none():
    assert isinstance(Harness(status=Status.PAUSED).refusal(1), SessionPaused)


def test_a_session_whose_status_this_release_does_not_know_accepts_no_new_caption():
    assert isinstance(Harness(status="rehearsal").refusal(1), SessionPaused)


def test_a_repeat_of_the_last_caption_succeeds_while_the_session_is_paused():
    harness = Harness(a_caption(), status=Status.PAUSED)
    harness.clock.now = NOW + 9

    assert harness.publish(1) == a_caption()


# sequences


def test_sequences_may_have_gaps():
    harness = Harness(a_caption(1))

    assert harness.publish(2**31 - 1) == a_caption(2**31 - 1)


def test_a_repeat_of_the_last_caption_succeeds_and_changes_nothing():
    harness = Harness(a_caption(5))
    harness.clock.now = NOW + 9

    assert harness.publish(5, spoken_at=NOW + 5) == a_caption(5)


def test_a_repeat_succeeds_after_the_source_language_has_changed():
    harness = Harness(a_caption(5), source_language=Language.FRENCH)

    assert harness.publish(5) == a_caption(5)


@pytest.mark.parametrize(
    ("sequence", "text"),
    [(5, "Another text."), (5, "Sentence 5. "), (4, None), (1, "Sentence 5.")],
    ids=["another text", "a space more", "lower", "lower with the last text"],
)
def test_a_sequence_that_is_not_above_the_last_one_is_invalid(sequence: int, text: str | None):
    refusal = Harness(a_caption(5)).refusal(sequence, text)

    assert isinstance(refusal, InvalidRequest)
    assert refusal.fields == (FieldError("sequence", "sequence must be above 5, that of the last caption"),)


def test_a_session_whose_id_was_another_ones_begins_at_any_sequence():
    earlier = a_caption(99, session=SessionRef(SESSION.id, NOW - 30 * AN_HOUR))

    assert Harness(earlier).publish(1) == a_caption(1)


# the characters of a minute


@pytest.mark.parametrize(
    ("left_ms", "seconds"),
    [(60_000, 60), (59_999, 60), (1000, 1), (999, 1), (1, 1)],
)
def test_characters_over_the_limit_are_refused_until_the_minute_ends(left_ms: int, seconds: int):
    harness = Harness(limit=20)
    harness.clock.now = MINUTE_END - left_ms
    harness.publish(1, "x" * 20)

    refusal = harness.refusal(2, "x")

    assert isinstance(refusal, RateLimited)
    assert refusal.retry_after_s == seconds
    harness.clock.now += seconds * 1000
    harness.publish(2, "x" * 20)


def test_a_repeat_counts_no_characters_and_succeeds_when_none_are_left():
    harness = Harness(limit=20)
    harness.publish(1, "x" * 20)

    for _ in range(3):
        harness.publish(1, "x" * 20)

    assert isinstance(harness.refusal(2, "x"), RateLimited)


def test_a_lower_sequence_is_invalid_even_when_no_characters_are_left():
    harness = Harness(limit=20)
    harness.publish(5, "x" * 20)

    assert isinstance(harness.refusal(4, "x"), InvalidRequest)


def test_a_caption_by_a_slower_clock_waits_for_the_end_of_the_minute_that_counts():
    harness = Harness(limit=20)
    harness.clock.now = MINUTE_END
    harness.publish(1, "x" * 20)
    harness.clock.now = MINUTE_END - 1000

    refusal = harness.refusal(2, "x")

    assert isinstance(refusal, RateLimited)
    assert refusal.retry_after_s == 61


def test_there_is_no_limit_when_it_is_zero():
    harness = Harness(limit=0)

    published = [harness.publish(sequence, "x" * 1000) for sequence in range(1, 6)]

    assert [caption.sequence for caption in published if caption] == [1, 2, 3, 4, 5]


# what the store says


class Refusing(MemoryLiveCaptions):
    """Does what `outcome` says instead of publishing."""

    def __init__(self, outcome: Callable[[Caption], PublishRefused]) -> None:
        super().__init__()
        self._outcome = outcome

    def publish(self, caption: Caption, *, characters_per_minute: int) -> PublishRefused:
        return self._outcome(caption)


def test_a_write_that_the_sdk_repeated_finds_its_own_caption_and_succeeds():
    harness = Harness(live_captions=Refusing(lambda caption: PublishRefused(caption, 0)))

    harness.publish(1)


def test_a_write_that_may_have_failed_is_reported():
    def fail(_: Caption) -> PublishRefused:
        raise ServiceUnavailable

    assert isinstance(Harness(live_captions=Refusing(fail)).refusal(1), ServiceUnavailable)


def test_another_text_that_was_written_meanwhile_is_not_mistaken_for_a_repeat():
    meanwhile = Refusing(lambda caption: PublishRefused(replace(caption, text="Meanwhile."), 0))

    assert isinstance(Harness(live_captions=meanwhile).refusal(1), InvalidRequest)
