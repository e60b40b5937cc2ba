"""Deleting a session: it ends, once, and for good."""

import pytest

from shared.errors import NotOwner, SessionNotFound, VersionMismatch
from shared.sessions.requests import SessionChange
from shared.sessions.session import Session, Status
from tests.support.clock import Clock
from tests.support.memory_stores import MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, a_session
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases, refused_writes


def test_a_deleted_session_has_ended_and_is_counted_in_its_final_state(
    use_cases: SessionUseCases, metrics: RecordedMetrics, session: Session
):
    ended = use_cases.delete(session.id, speaker=ALICE, versions=None)

    assert ended.status is Status.ENDED
    assert (metrics.counted, metrics.sessions) == (["ended"], [ended])


def test_an_update_to_ended_has_exactly_the_result_of_a_delete():
    results = []
    for operation in ("update", "delete"):
        store, metrics, session = MemorySessions(), RecordedMetrics(), a_session()
        store.rows[session.id] = session
        use_cases = SessionUseCases(store, metrics, lambda: NOW + 5000)
        for _ in range(2):
            if operation == "update":
                patch = SessionChange.parse({"status": "ended"}).to_patch()
                ended = use_cases.update(session.id, patch, speaker=ALICE, versions=None)
            else:
                ended = use_cases.delete(session.id, speaker=ALICE, versions=None)
        results.append((ended, store.rows, metrics.counted))

    assert results[0] == results[1]
    assert results[0][2] == ["ended"]


def test_deleting_an_ended_session_changes_and_counts_nothing(
    use_cases: SessionUseCases, metrics: RecordedMetrics, clock: Clock, session: Session
):
    first = use_cases.delete(session.id, speaker=ALICE, versions=None)
    clock.now += 1000

    second = use_cases.delete(session.id, speaker=ALICE, versions=None)

    assert second == first
    assert first.ended_at == NOW
    assert metrics.counted == ["ended"]


@refused_writes
def test_a_refused_delete_changes_nothing(
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
        use_cases.delete(session.id, speaker=speaker, versions=versions)

    assert store.rows[session.id] == session


@pytest.mark.parametrize("session_id", ["", "HEALTH", "blessed-shepherd-427\n", "x" * 10_000])
def test_a_malformed_id_is_not_found_and_not_looked_up(
    use_cases: SessionUseCases, store: RecordedSessions, session_id: str
):
    with pytest.raises(SessionNotFound):
        use_cases.delete(session_id, speaker=ALICE, versions=None)

    assert store.calls == []


@pytest.mark.parametrize("ended_before", [False, True], ids=["active", "ended"])
def test_another_speaker_cannot_delete_a_session_even_an_ended_one(
    use_cases: SessionUseCases, session: Session, ended_before: bool
):
    if ended_before:
        use_cases.delete(session.id, speaker=ALICE, versions=None)

    with pytest.raises(NotOwner, match=r"^Not authorized to delete this session$"):
        use_cases.delete(session.id, speaker=BOB, versions=None)


def test_deleting_an_ended_session_at_another_version_is_a_version_mismatch(
    use_cases: SessionUseCases, session: Session
):
    use_cases.delete(session.id, speaker=ALICE, versions=None)

    with pytest.raises(VersionMismatch):
        use_cases.delete(session.id, speaker=ALICE, versions=frozenset({session.version}))
