"""The rules of a session: what may follow what, who may write, until when, and what is refused first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import NotOwner, Refusal, SessionEnded, SessionNotFound, VersionMismatch
from shared.sessions.session import (
    END,
    TRANSITIONS,
    Language,
    Precondition,
    QualityTier,
    SessionPatch,
    Status,
)
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session

ACTIVE, PAUSED, ENDED = Status


def guard(
    change: SessionPatch, *, speaker: str = ALICE, versions: frozenset[int] | None = None
) -> Precondition:
    return Precondition.of(change, action="update", speaker=speaker, now=NOW, versions=versions)


@pytest.mark.parametrize(
    ("current", "wanted", "allowed"),
    [
        (ACTIVE, ACTIVE, True),
        (ACTIVE, PAUSED, True),
        (ACTIVE, ENDED, True),
        (PAUSED, ACTIVE, True),
        (PAUSED, PAUSED, True),
        (PAUSED, ENDED, True),
        (ENDED, ACTIVE, False),
        (ENDED, PAUSED, False),
        (ENDED, ENDED, False),
        (ACTIVE, None, True),
        (PAUSED, None, True),
        (ENDED, None, False),
    ],
)
def test_what_may_follow_what(current: Status, wanted: Status | None, allowed: bool):
    change = SessionPatch(status=wanted, source_language=Language.FRENCH)

    refusal = guard(change).refusal(a_session(status=current))

    assert type(refusal) is (type(None) if allowed else SessionEnded)


def test_every_status_has_its_row_in_the_table_of_transitions():
    assert TRANSITIONS.keys() == set(Status)


def test_nothing_follows_the_end():
    assert TRANSITIONS[ENDED] == frozenset()


@given(
    absent=st.booleans(),
    expired=st.booleans(),
    stranger=st.booleans(),
    stale=st.booleans(),
    ended=st.booleans(),
)
def test_the_first_of_404_403_412_409_wins(
    absent: bool, expired: bool, stranger: bool, stale: bool, ended: bool
):
    current = a_session(status=ENDED if ended else ACTIVE, expires_at=NOW_S + (0 if expired else 1))
    condition = guard(
        SessionPatch(status=PAUSED),
        speaker=BOB if stranger else ALICE,
        versions=frozenset({NOW - 1}) if stale else None,
    )

    refusal = condition.refusal(None if absent else current)

    expected: list[tuple[bool, type[Refusal]]] = [
        (absent or expired, SessionNotFound),
        (stranger, NotOwner),
        (stale, VersionMismatch),
        (ended, SessionEnded),
    ]
    assert type(refusal) is next((error for fault, error in expected if fault), type(None))


def test_a_stranger_is_told_which_action_is_not_theirs():
    condition = Precondition.of(END, action="delete", speaker=BOB, now=NOW, versions=None)

    assert str(condition.refusal(a_session())) == "Not authorized to delete this session"


@pytest.mark.parametrize(
    ("now", "live"), [(NOW_S * 1000 - 1, True), (NOW_S * 1000, False), (NOW_S * 1000 + 999, False)]
)
def test_a_session_is_gone_from_the_very_second_of_its_end(now: int, live: bool):
    assert a_session(expires_at=NOW_S).live(now) is live


def test_a_change_assigns_what_it_wants_and_the_time_alone():
    assert SessionPatch(quality_tier=QualityTier.PREMIUM).assignments(NOW) == {
        "quality_tier": "premium",
        "updated_at": NOW,
    }


def test_the_end_assigns_when_it_was():
    assert END.assignments(NOW) == {"status": "ended", "updated_at": NOW, "ended_at": NOW}


@pytest.mark.parametrize(
    ("change", "true"),
    [
        (END, True),
        (SessionPatch(status=ENDED, source_language=Language.ENGLISH), True),
        (SessionPatch(status=ENDED, source_language=Language.FRENCH), False),
        (SessionPatch(status=ENDED, quality_tier=QualityTier.PREMIUM), False),
        (SessionPatch(source_language=Language.ENGLISH), False),
        (SessionPatch(status=PAUSED), False),
    ],
)
def test_only_a_wish_for_the_end_can_be_true_already(change: SessionPatch, true: bool):
    assert change.already_applied_to(a_session(status=ENDED)) is true


def test_the_languages_are_those_of_translate_and_polly():
    assert " ".join(Language) == "en es fr de it pt ru ja ko zh ar hi nl pl tr sv da no fi"


def test_the_tiers_and_statuses_are_the_promised_ones():
    assert (list(QualityTier), list(Status)) == (["standard", "premium"], ["active", "paused", "ended"])
