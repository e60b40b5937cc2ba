"""The scheduled function, from the scheduled time to the sessions that it ends."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from moto import mock_aws

from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import EndReason, Status
from tests.support.connections import a_listener, a_speaker
from tests.support.executors import SequentialExecutor
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import create_tables, record_calls

HANDLER = load_handler("sweep_sessions")
SESSIONS: SessionsTable = HANDLER.sweep._sessions
CONNECTIONS: ConnectionsTable = HANDLER.connections
BEFORE_EXPIRY, AFTER_EXPIRY = "2026-07-25T19:03:00Z", "2026-07-25T19:05:00Z"


@pytest.fixture
def management_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Create a session that expires at 19:03:58, and connect a speaker and a listener to it."""
    management_api = FakeManagementApi("speaker", "listener")
    monkeypatch.setattr(HANDLER.sweep._delivery, "_gateway", ManagementApi(management_api))  # type: ignore[arg-type]
    for owner in (HANDLER.sweep, HANDLER.sweep._delivery):  # moto is not safe for threads
        monkeypatch.setattr(owner, "_executor", SequentialExecutor())
    with mock_aws():
        create_tables(SESSIONS._client)
        SESSIONS.add(a_session(), reusable_before=NOW_S)
        CONNECTIONS.add(a_speaker(id="speaker"))
        CONNECTIONS.add(a_listener(id="listener"))
        yield management_api


def test_a_session_that_expired_before_the_scheduled_time_ends(management_api: FakeManagementApi):
    HANDLER.handler({"time": AFTER_EXPIRY}, LAMBDA_CONTEXT)

    reasons = {name: [m["reason"] for m in messages] for name, messages in management_api.messages.items()}
    assert reasons == {"speaker": ["expired"], "listener": ["expired"]}
    assert (management_api.open, CONNECTIONS.of_session(a_session().id)) == (set(), [])
    assert SESSIONS.get(a_session().id) == a_session(due_at=None)


def test_a_sweep_without_due_sessions_is_one_query(management_api: FakeManagementApi):
    with record_calls(SESSIONS._client) as calls:
        HANDLER.handler({"time": BEFORE_EXPIRY}, LAMBDA_CONTEXT)

    assert calls == ["sessions:Query"]
    assert management_api.calls == []


def test_an_abandoned_session_ends_and_is_counted(
    management_api: FakeManagementApi, capsys: pytest.CaptureFixture[str]
):
    abandoned = replace(a_session(), speaker_absent_since=NOW, due_at=NOW_S + 120 * 60)
    SESSIONS.add(abandoned, reusable_before=10**12)
    CONNECTIONS.remove(a_session().id, "speaker")

    HANDLER.handler({"time": BEFORE_EXPIRY}, LAMBDA_CONTEXT)

    session = SESSIONS.get(a_session().id)
    assert session is not None
    assert (session.status, session.end_reason) == (Status.ENDED, EndReason.ABANDONED)
    assert "SessionDeletionCount" in capsys.readouterr().out
