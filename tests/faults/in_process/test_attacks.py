"""A speaker who changes a session as fast as the throttle allows does not delay the end of a stranger's."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable

from scripts.local.system import System
from tests.faults.in_process.conftest import MAX_LISTENERS, Session, dynamodb, table
from tests.support.eventually import eventually
from tests.support.stream_lanes import other_ids_in_lane

PATCHES = 100


def move_to_lane_of(session: Session, other: Session) -> None:
    """Give a session another id, whose records wait behind those of the other session."""
    client, name = dynamodb(session.local), table(session.local, "sessions")
    new_id = next(other_ids_in_lane(session.local, other.id))
    client.put_item(TableName=name, Item={**session.row(), "sessionId": {"S": new_id}})
    client.delete_item(TableName=name, Key={"sessionId": {"S": session.id}})
    session.id, session.path = new_id, f"/sessions/{new_id}"


def test_changes_that_later_ones_supersede_are_not_sent_and_do_not_delay_a_strangers_end(
    open_session: Callable[[], Session], local: System
):
    attacker, stranger = open_session(), open_session()
    move_to_lane_of(stranger, attacker)
    listeners = [attacker.listener() for _ in range(MAX_LISTENERS)]
    strangers_listener = stranger.listener()
    (strangers_row,) = stranger.rows()
    posted: list[str] = []
    released = threading.Event()

    def hold(method: str, connection_id: str) -> int | None:
        if not released.is_set():
            return 429
        if method == "POST":
            posted.append(connection_id)
        return None

    # The first change waits for API Gateway until all changes and the stranger's end are behind it.
    local.management_api.forced_status = hold
    for status in itertools.islice(itertools.cycle(("paused", "active")), PATCHES):
        attacker.change(status=status)
    stranger.end()
    version = int(attacker.row()["version"]["N"])
    released.set()

    eventually(lambda: strangers_listener.closed)
    eventually(lambda: all(listener.notices for listener in listeners))
    eventually(lambda: all(listener.notices[-1]["version"] == version for listener in listeners))
    assert strangers_listener.types() == ["sessionEnded"]
    assert all(listener.notices[-1]["status"] == "active" for listener in listeners)
    # The change that was being sent and the last one, not each of the hundred.
    assert all(listener.types().count("sessionUpdated") <= 2 for listener in listeners)
    before_the_end = Counter(posted[: posted.index(strangers_row["connectionId"]["S"])])
    assert max(before_the_end.values(), default=0) <= 2
