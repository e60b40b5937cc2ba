"""The rules of a session: status transitions, preconditions of an update, and the order of refusals."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import NotOwner, Refusal, SessionEnded, SessionNotFound, VersionMismatch
from shared.sessions.session import (
    ABANDON,
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
EXPIRES_AT = a_session().expires_at


def precondition(
    patch: SessionPatch, *, speaker: str = ALICE, versions: frozenset[int] | None = None
) -> Precondition:
    return Precondition.of(patch, action="update", speaker=speaker, now=NOW, versions=versions)


@pytest.mark.parametrize(
    ("current", "target", "allowed"),
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
def test_a_status_may_change_as_the_transitions_permit(current: Status, target: Status | None, allowed: bool):
    patch = SessionPatch(status=target, source_language=Language.FRENCH)

    refusal = precondition(patch).refusal(a_session(status=current))

    assert type(refusal) is (type(None) if allowed else SessionEnded)


def test_every_status_has_transitions():
    assert TRANSITIONS.keys() == set(Status)


def test_an_ended_session_has_no_transitions():
    assert TRANSITIONS[ENDED] == frozenset()


@given(
    absent=st.booleans(),
    expired=st.booleans(),
    not_owner=st.booleans(),
    stale=st.booleans(),
    ended=st.booleans(),
)
def test_refusals_are_reported_in_the_order_404_403_412_409(
    absent: bool, expired: bool, not_owner: bool, stale: bool, ended: bool
):
    current = a_session(status=ENDED if ended else ACTIVE, expires_at=NOW_S + (0 if expired else 1))
    condition = precondition(
        SessionPatch(status=PAUSED),
        speaker=BOB if not_owner else ALICE,
        versions=frozenset({NOW - 1}) if stale else None,
    )

    refusal = condition.refusal(None if absent else current)

    expected: list[tuple[bool, type[Refusal]]] = [
        (absent or expired, SessionNotFound),
        (not_owner, NotOwner),
        (stale, VersionMismatch),
        (ended, SessionEnded),
    ]
    assert type(refusal) is next((error for fault, error in expected if fault), type(None))


def test_the_refusal_of_another_speaker_has_the_verb_of_the_action():
    condition = Precondition.of(END, action="delete", speaker=BOB, now=NOW, versions=None)

    assert str(condition.refusal(a_session())) == "Not authorized to delete this session"


@pytest.mark.parametrize(
    ("now", "live"), [(NOW_S * 1000 - 1, True), (NOW_S * 1000, False), (NOW_S * 1000 + 999, False)]
)
def test_a_session_is_live_until_the_second_of_its_expiry(now: int, live: bool):
    assert a_session(expires_at=NOW_S).live(now) is live


def test_a_patch_assigns_its_fields_and_the_time():
    assert SessionPatch(quality_tier=QualityTier.PREMIUM).assignments(NOW) == {
        "quality_tier": "premium",
        "updated_at": NOW,
    }


def test_ending_assigns_the_time_of_the_end():
    assert END.assignments(NOW) == {
        "status": "ended",
        "updated_at": NOW,
        "ended_at": NOW,
        "end_reason": "ended",
        "due_at": NOW_S + 120,
    }
    assert ABANDON.assignments(NOW)["end_reason"] == "abandoned"


@pytest.mark.parametrize(
    ("fields", "absent_minutes", "due_at"),
    [
        ({}, 120, EXPIRES_AT),
        ({"speaker_connected_until": NOW_S + 60}, 120, NOW_S + 60),
        ({"speaker_connected_until": EXPIRES_AT + 60}, 120, EXPIRES_AT),
        ({"speaker_absent_since": NOW}, 120, NOW_S + 120 * 60),
        ({"speaker_absent_since": NOW}, 24 * 60 + 1, EXPIRES_AT),
        ({"speaker_absent_since": NOW}, 0, EXPIRES_AT),
        ({"status": ENDED, "ended_at": NOW, "speaker_absent_since": NOW}, 120, NOW_S + 120),
    ],
    ids=["new", "connected", "expires first", "absent", "long absence", "no limit", "ended"],
)
def test_a_session_is_due_at_the_next_moment_at_which_something_must_be_done(
    fields: dict[str, Any], absent_minutes: int, due_at: int
):
    assert a_session(**fields).next_due(absent_minutes) == due_at


@pytest.mark.parametrize(
    ("since", "refusal"), [(NOW, None), (NOW + 1, VersionMismatch), (None, VersionMismatch)]
)
def test_an_abandonment_requires_the_same_absence(since: int | None, refusal: type[Exception] | None):
    precondition = Precondition.of(ABANDON, action="end", speaker=ALICE, now=NOW, absent_since=NOW)

    result = precondition.refusal(a_session(speaker_absent_since=since))

    assert (type(result) if result else None) is refusal


@pytest.mark.parametrize(
    ("patch", "applied"),
    [
        (END, True),
        (SessionPatch(status=ENDED, source_language=Language.ENGLISH), True),
        (SessionPatch(status=ENDED, source_language=Language.FRENCH), False),
        (SessionPatch(status=ENDED, quality_tier=QualityTier.PREMIUM), False),
        (SessionPatch(source_language=Language.ENGLISH), False),
        (SessionPatch(status=PAUSED), False),
    ],
)
def test_only_a_patch_that_ends_and_changes_nothing_else_is_already_applied(
    patch: SessionPatch, applied: bool
):
    assert patch.already_applied_to(a_session(status=ENDED)) is applied


def test_an_end_is_not_already_applied_to_a_session_with_a_status_of_another_release():
    assert not END.already_applied_to(a_session(status="scheduled"))


def test_the_languages_are_those_of_amazon_translate_and_polly():
    assert " ".join(Language) == "en es fr de it pt ru ja ko zh ar hi nl pl tr sv da no fi"


def test_the_tiers_and_statuses_are_the_documented_ones():
    assert (list(QualityTier), list(Status)) == (["standard", "premium"], ["active", "paused", "ended"])
