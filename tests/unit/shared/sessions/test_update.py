"""Updating a session: by its speaker only, at an accepted version, and never after its end."""

from dataclasses import replace

import pytest

from shared.errors import NotOwner, SessionEnded, SessionNotFound, VersionMismatch
from shared.sessions.requests import SessionChange
from shared.sessions.session import ConditionFailed, Session, SessionPatch, Status
from tests.support.clock import Clock
from tests.support.sessions import ALICE, BOB, NOW
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases, refused_writes

PAUSE = SessionPatch(status=Status.PAUSED)


def test_a_speaker_updates_their_session_in_one_write(
    use_cases: SessionUseCases,
    store: RecordedSessions,
    metrics: RecordedMetrics,
    clock: Clock,
    session: Session,
):
    clock.now += 1500

    updated = use_cases.update(session.id, PAUSE, speaker=ALICE, versions=frozenset({session.version}))

    assert updated == replace(
        session, status=Status.PAUSED, updated_at=NOW + 1500, version=session.version + 1
    )
    assert (store.calls, metrics.counted) == (["update"], [])


@refused_writes
def test_a_refused_update_changes_nothing(
    use_cases: SessionUseCases,
    store: RecordedSessions,
    clock: Clock,
    session: Session,
    speaker: str,
    versions: frozenset[int] | None,
    age_s: int,
    refusal: type[Exception],
):
    clock.now += age_s * 1000

    with pytest.raises(refusal):
        use_cases.update(session.id, PAUSE, speaker=speaker, versions=versions)

    assert store.rows[session.id] == session


def test_the_refusal_of_another_speaker_has_the_verb_update(use_cases: SessionUseCases, session: Session):
    with pytest.raises(NotOwner, match=r"^Not authorized to update this session$"):
        use_cases.update(session.id, PAUSE, speaker=BOB, versions=None)


def test_an_absent_session_is_not_found(use_cases: SessionUseCases):
    with pytest.raises(SessionNotFound):
        use_cases.update("blessed-shepherd-100", PAUSE, speaker=ALICE, versions=None)


@pytest.mark.parametrize("session_id", ["", "HEALTH", "blessed-shepherd-427\n", "x" * 10_000])
def test_a_malformed_id_is_not_found_and_not_looked_up(
    use_cases: SessionUseCases, store: RecordedSessions, session_id: str
):
    with pytest.raises(SessionNotFound):
        use_cases.update(session_id, PAUSE, speaker=ALICE, versions=None)

    assert store.calls == []


@pytest.mark.parametrize(
    "body",
    [
        {"status": "active"},
        {"status": "paused"},
        {"sourceLanguage": "fr"},
        {"qualityTier": "standard"},
        {"status": "ended", "sourceLanguage": "fr"},
    ],
)
def test_an_ended_session_cannot_be_updated(
    use_cases: SessionUseCases, store: RecordedSessions, session: Session, body: dict[str, str]
):
    ended = use_cases.delete(session.id, speaker=ALICE, versions=None)

    with pytest.raises(SessionEnded):
        use_cases.update(session.id, SessionChange.parse(body).to_patch(), speaker=ALICE, versions=None)

    assert store.rows[session.id] == ended


def test_the_second_of_two_updates_at_the_same_version_is_refused(
    use_cases: SessionUseCases, session: Session
):
    versions = frozenset({session.version})
    use_cases.update(session.id, PAUSE, speaker=ALICE, versions=versions)

    with pytest.raises(VersionMismatch):
        use_cases.update(session.id, PAUSE, speaker=ALICE, versions=versions)


def test_a_store_that_refuses_a_permitted_write_is_a_bug(
    use_cases: SessionUseCases, store: RecordedSessions, session: Session, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(store, "update", lambda *_: ConditionFailed(session))

    with pytest.raises(AssertionError, match=r"^The store refused a write that the precondition permits$"):
        use_cases.update(session.id, PAUSE, speaker=ALICE, versions=None)
