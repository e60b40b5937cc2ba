"""The stream of the sessions table, from the record of an absence to the message to listeners."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.delivery import Delivery
from shared.audience.presence import ANNOUNCED_AFTER_MS, AnnounceAbsence
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable
from tests.support.clock import Clock
from tests.support.connections import a_listener
from tests.support.executors import SequentialExecutor
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("presence_changed")
BOOKKEEPING: SessionBookkeeping = HANDLER.announce_absence._bookkeeping
CONNECTIONS: ConnectionsTable = HANDLER.announce_absence._delivery._connections
SESSIONS = SessionsTable(BOOKKEEPING._client, SESSIONS_TABLE)
IDS = [f"holy-psalm-{number}" for number in range(100, 103)]
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(NOW)


@pytest.fixture
def management_api(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Iterator[FakeManagementApi]:
    """Create sessions with a listener each; `absences` makes their speakers absent a second apart."""
    management_api = FakeManagementApi(*IDS)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    announce = AnnounceAbsence(
        BOOKKEEPING,
        Delivery(
            CONNECTIONS,
            ManagementApi(management_api),  # type: ignore[arg-type]
            SequentialExecutor(),
            clock,
            sleep,
        ),
        absent_minutes=120,
        clock=clock,
        sleep=sleep,
    )
    monkeypatch.setattr(HANDLER, "announce_absence", announce)
    with mock_aws():
        create_tables(BOOKKEEPING._client)
        for session_id in IDS:
            CONNECTIONS.add(a_listener(id=session_id, session_id=session_id))
        yield management_api


def absences() -> dict[str, Any]:
    """Store the absences and return the batch of their records."""
    changes = []
    for seconds, session_id in enumerate(IDS):
        absent = a_session(id=session_id, speaker_absent_since=NOW + seconds * 1000)
        SESSIONS.add(absent, reusable_before=NOW_S)
        changes.append((a_session(id=session_id), absent))
    return stream(*changes)


def test_each_absence_of_a_batch_is_announced_when_it_has_lasted_ten_seconds(
    management_api: FakeManagementApi, clock: Clock
):
    times: list[int] = []
    management_api.after = lambda operation, connection_id: times.append(clock.now - NOW)

    assert HANDLER.handler(absences(), LAMBDA_CONTEXT) == NO_FAILURES

    assert times == [ANNOUNCED_AFTER_MS + seconds * 1000 for seconds in range(3)]
    assert management_api.messages[IDS[0]] == [
        {"type": "speakerPresence", "connected": False, "timestamp": NOW, "endsAt": NOW_S + 120 * 60}
    ]


def test_a_failure_is_retried_from_the_absence_that_was_not_announced(management_api: FakeManagementApi):
    def throttle(_operation: str, connection_id: str) -> None:
        if connection_id == IDS[1]:
            raise client_error(429)

    management_api.before = throttle
    event = absences()
    context = type("Context", (), {"get_remaining_time_in_millis": lambda self: 4000})()

    response = HANDLER.handler(event, context)

    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 1)}]}
    assert set(management_api.messages) == {IDS[0]}
