"""$connect while DynamoDB hangs, fails or is slow: the function answers within its 10 s."""

from collections.abc import Iterator
from types import SimpleNamespace

import botocore.endpoint
import pytest
from moto import mock_aws

from shared.audience.connection import SessionRef
from shared.aws.dynamodb import DEFAULT_CONFIG, FAIL_FAST_CONFIG
from shared.aws.sessions_table import SessionsTable
from tests.support.brownouts import FAULTS, Fault, brownout, hangs
from tests.support.clock import Clock
from tests.support.handlers import load_handler
from tests.support.sessions import NOW, a_session
from tests.support.tables import SESSIONS_TABLE, create_tables
from tests.support.websocket_events import connect

TIMEOUT_MS = 10_000
HANDLER = load_handler("connect_session")
CLIENTS = {
    HANDLER.client: DEFAULT_CONFIG,
    HANDLER.joins_per_address.store._client: FAIL_FAST_CONFIG,
}
# The limit, the session, the row, the place, the session again, the admission.
CALLS = 6
# The limit, the session, the row, the place, the claim of a count, its reads, the place again, the removal.
CALLS_IF_FULL = 9


@pytest.fixture(autouse=True)
def session(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Create a session for one listener, who has joined it. The SDK waits as long as it ever does."""

    def sleep(seconds: float) -> None:
        assert seconds <= 1
        clock.now += 1000

    monkeypatch.setattr(botocore.endpoint, "time", SimpleNamespace(sleep=sleep))
    with mock_aws():
        create_tables(HANDLER.client)
        SessionsTable(HANDLER.client, SESSIONS_TABLE).add(a_session(max_listeners=1), reusable_before=0)
        HANDLER.join._full_until.clear()  # of the test before
        assert join("first") == 200
        yield


def join(connection_id: str) -> int:
    event = connect(connection_id=connection_id, language="es")
    return int(HANDLER.handler(event, None)["statusCode"])


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("taken", "after"),
    [*((0, after) for after in range(CALLS)), *((1, after) for after in range(CALLS_IF_FULL))],
)
def test_a_join_is_over_before_its_function_times_out(taken: int, after: int, fault: Fault, clock: Clock):
    if not taken:
        HANDLER.join._places.set_taken(SessionRef("blessed-shepherd-427", NOW), 0, generation=1)
    start = clock.now

    with brownout(fault, clock, CLIENTS, after=after):
        status = join("second")

    assert clock.now - start < TIMEOUT_MS
    assert status in (200, 503)


def test_no_request_begins_after_the_deadline(clock: Clock):
    start = clock.now

    with brownout(hangs, clock, CLIENTS, after=2) as sent:
        assert join("second") == 503

    # The write of the row hangs twice for 3 s, with a wait of 1 s between them. The removal of the row is due
    # then and not sent: the row lapses instead.
    assert sent == ["UpdateItem", "GetItem", "PutItem", "PutItem"]
    assert clock.now - start == 7000
