"""The stream of the connections table, from a batch of records to listener counts and notified speakers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from shared.audience.connection import SessionRef
from shared.audience.listener_counter import ListenerCounter
from shared.audience.places import CountPlaces
from shared.audience.presence import SpeakerPresence
from shared.aws.audiences_table import AudiencesTable
from shared.aws.connections_table import ConnectionsTable
from shared.aws.management_api import ManagementApi
from shared.aws.session_bookkeeping import SessionBookkeeping
from shared.aws.sessions_table import SessionsTable
from shared.sessions.session import Language, Session
from tests.support.clock import Clock
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.handlers import LAMBDA_CONTEXT, load_handler
from tests.support.management_api import FakeManagementApi, client_error
from tests.support.sessions import NOW, NOW_S, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables, record_calls
from tests.support.websocket_events import sequence_number, stream

HANDLER = load_handler("connections_changed")
BOOKKEEPING: SessionBookkeeping = HANDLER.bookkeeping
CONNECTIONS: ConnectionsTable = HANDLER.count_listeners._count_places._connections
PLACES: AudiencesTable = HANDLER.count_listeners._count_places._places
SESSIONS = SessionsTable(CONNECTIONS._client, SESSIONS_TABLE)
CLIENTS = [BOOKKEEPING._client, CONNECTIONS._client]
CALLS = ["audiences:GetItem", "connections:Query", "sessions:UpdateItem"]
NO_FAILURES: dict[str, Any] = {"batchItemFailures": []}


@pytest.fixture
def management_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeManagementApi]:
    """Create a session, and the open WebSocket of its speaker; tests add the row of the connection."""
    management_api = FakeManagementApi("speaker")
    gateway = ManagementApi(management_api)  # type: ignore[arg-type]
    clock = Clock(NOW + 20_000)

    def sleep(seconds: float) -> None:
        clock.now += round(seconds * 1000)

    monkeypatch.setattr(
        HANDLER,
        "count_listeners",
        ListenerCounter(
            BOOKKEEPING,
            CountPlaces(PLACES, CONNECTIONS, clock),
            gateway,
            SpeakerPresence(BOOKKEEPING, absent_minutes=120),
            # moto's writes are not atomic between threads.
            ThreadPoolExecutor(1),
            clock,
            sleep,
            lambda _count: None,
        ),
    )
    with mock_aws():
        create_tables(CONNECTIONS._client)
        SESSIONS.add(a_session(), reusable_before=NOW_S)
        yield management_api


def stored_session() -> Session | None:
    return SESSIONS.get("blessed-shepherd-427")


def test_an_admitted_listener_is_counted_with_three_calls(management_api: FakeManagementApi):
    CONNECTIONS.add(a_listener())

    with record_calls(*CLIENTS) as calls:
        response = HANDLER.handler(stream((a_waiting_listener(), a_listener())), LAMBDA_CONTEXT)

    assert (response, calls) == (NO_FAILURES, CALLS)
    assert stored_session() == a_session(listener_count=1)


def test_a_disconnected_listener_is_not_counted(management_api: FakeManagementApi):
    BOOKKEEPING.set_listener_count(SessionRef("blessed-shepherd-427", NOW), 1)

    HANDLER.handler(stream((a_listener(), None)), LAMBDA_CONTEXT)

    assert stored_session() == a_session(listener_count=0)


def test_the_place_of_a_listener_who_has_left_is_given_back(management_api: FakeManagementApi):
    ref = SessionRef("blessed-shepherd-427", NOW)
    CONNECTIONS.add(a_listener(id="a"))
    for _ in range(2):
        PLACES.take(ref, limit=2, delete_at=NOW_S)

    HANDLER.handler(stream((a_listener(id="b"), None)), LAMBDA_CONTEXT)

    assert PLACES.get(ref).taken == 1


def test_a_row_that_was_never_admitted_causes_no_count(management_api: FakeManagementApi):
    with record_calls(*CLIENTS) as calls:
        response = HANDLER.handler(stream((a_waiting_listener(), None)), LAMBDA_CONTEXT)

    assert (response, calls) == (NO_FAILURES, [])


def test_a_session_is_counted_once_for_all_its_changes_in_a_batch(management_api: FakeManagementApi):
    rows = [a_listener(id=f"listener-{number}") for number in range(20)]
    for row in rows:
        CONNECTIONS.add(row)

    with record_calls(*CLIENTS) as calls:
        HANDLER.handler(stream(*((row, row) for row in rows), (a_listener(), None)), LAMBDA_CONTEXT)

    assert calls == CALLS
    assert stored_session() == a_session(listener_count=20)


def test_repeated_and_reordered_records_lead_to_the_same_count(management_api: FakeManagementApi):
    CONNECTIONS.add(a_listener(id="a"))
    changes = [(a_waiting_listener(id="a"), a_listener(id="a")), (a_listener(id="b"), None)]

    for batch in (changes, changes, changes[::-1]):
        HANDLER.handler(stream(*batch), LAMBDA_CONTEXT)

    assert stored_session() == a_session(listener_count=1)


def test_the_speaker_is_notified_of_the_number_of_listeners_by_language(management_api: FakeManagementApi):
    CONNECTIONS.add(a_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    HANDLER.handler(stream((a_waiting_listener(), a_listener())), LAMBDA_CONTEXT)

    message = {
        "type": "audience",
        "listenerCount": 1,
        "byLanguage": {"es": 1},
        "timestamp": NOW + 20_000,
    }
    assert management_api.messages == {"speaker": [message]}


def test_the_counts_follow_a_listener_who_changes_the_language(management_api: FakeManagementApi):
    CONNECTIONS.add(a_speaker(id="speaker"))
    CONNECTIONS.add(a_listener(target_language=Language.FRENCH))

    HANDLER.handler(stream((a_listener(), a_listener(target_language=Language.FRENCH))), LAMBDA_CONTEXT)

    (message,) = management_api.messages["speaker"]
    assert (message["listenerCount"], message["byLanguage"]) == (1, {"fr": 1})


def test_a_change_of_a_session_whose_id_has_been_reused_is_ignored(management_api: FakeManagementApi):
    listener_of_earlier_session = a_listener(session_created_at=NOW - 30 * 60 * 60 * 1000)

    assert HANDLER.handler(stream((listener_of_earlier_session, None)), LAMBDA_CONTEXT) == NO_FAILURES

    assert stored_session() == a_session()


def test_when_api_gateway_throttles_the_batch_fails_but_the_count_is_correct(
    management_api: FakeManagementApi,
):
    CONNECTIONS.add(a_speaker(id="speaker"))
    CONNECTIONS.add(a_listener())

    def throttle(_operation: str, _connection_id: str) -> None:
        raise client_error(429)

    management_api.before = throttle
    event = stream((a_waiting_listener(), a_listener()))

    response = HANDLER.handler(event, LAMBDA_CONTEXT)

    speaker = a_speaker()
    assert response == {"batchItemFailures": [{"itemIdentifier": sequence_number(event, 0)}]}
    assert stored_session() == a_session(
        listener_count=1,
        speaker_connected_since=NOW + 20_000,
        speaker_connected_until=speaker.expires_at,
        due_at=speaker.expires_at,
    )


def test_a_speakers_absence_and_return_are_recorded(management_api: FakeManagementApi):
    speaker = a_speaker(id="speaker")
    CONNECTIONS.add(speaker)
    HANDLER.handler(stream((replace(speaker, admitted_at=None), speaker)), LAMBDA_CONTEXT)
    connected = stored_session()

    CONNECTIONS.remove(speaker.session_id, speaker.id)
    HANDLER.handler(stream((speaker, None)), LAMBDA_CONTEXT)
    absent = stored_session()

    assert connected is not None
    assert connected.speaker_connected_until == speaker.expires_at
    assert absent == a_session(speaker_absent_since=NOW + 20_000, due_at=(NOW + 20_000) // 1000 + 120 * 60)


def test_a_row_that_cannot_be_read_stops_no_other(management_api: FakeManagementApi):
    CONNECTIONS.add(a_listener(id="a"))
    event = stream((a_waiting_listener(id="a"), a_listener(id="a")), (a_waiting_listener(), a_listener()))
    del event["Records"][1]["dynamodb"]["NewImage"]["joinedAt"]

    assert HANDLER.handler(event, LAMBDA_CONTEXT) == NO_FAILURES
    assert stored_session() == a_session(listener_count=1)
