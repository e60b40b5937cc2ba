"""Getting a session by its id, until it expires."""

import pytest

from shared.errors import SessionNotFound
from shared.sessions.session import Session, Status
from tests.support.clock import Clock
from tests.support.sessions import ALICE
from tests.support.use_cases import RecordedSessions, SessionUseCases


def test_a_session_is_returned_by_its_id(use_cases: SessionUseCases, session: Session):
    assert use_cases.get(session.id) == session


def test_an_expired_session_is_not_found(use_cases: SessionUseCases, session: Session, clock: Clock):
    clock.now = session.expires_at * 1000 - 1
    assert use_cases.get(session.id) == session

    clock.now += 1

    with pytest.raises(SessionNotFound):
        use_cases.get(session.id)


def test_an_ended_session_is_returned_until_it_expires(use_cases: SessionUseCases, session: Session):
    use_cases.delete(session.id, speaker=ALICE, versions=None)

    assert use_cases.get(session.id).status is Status.ENDED


def test_an_unknown_id_is_not_found(use_cases: SessionUseCases, session: Session):
    with pytest.raises(SessionNotFound):
        use_cases.get("holy-psalm-100")


@pytest.mark.parametrize("session_id", ["", "HEALTH", "blessed-shepherd-427\n", "x" * 10_000])
def test_a_malformed_id_is_not_found_and_not_looked_up(
    use_cases: SessionUseCases, store: RecordedSessions, session_id: str
):
    with pytest.raises(SessionNotFound):
        use_cases.get(session_id)

    assert store.calls == []
