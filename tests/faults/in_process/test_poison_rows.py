"""Rows of another release and rows that cannot be read: every function still serves the other rows."""

import time
from collections.abc import Callable

import pytest

from scripts.local.system import System
from tests.faults.in_process.conftest import Json, Session, dynamodb, table
from tests.support.eventually import eventually

MISSING: Json = {}
"""Stands for no attribute."""

# What a later or an earlier release may have written: these rows are served like the others.
SESSIONS_OF_OTHER_RELEASES = {
    "unknown language": {"sourceLanguage": {"S": "uk"}},
    "unknown tier": {"qualityTier": {"S": "ultra"}},
    "unknown attribute": {"mood": {"L": [{"S": "calm"}]}},
    "no tier": {"qualityTier": MISSING},
    "no count": {"listenerCount": MISSING},
    "no due time": {"dueAt": MISSING, "duePartition": MISSING},
}
# DynamoDB itself refuses another type in the key of an index.
UNREADABLE_SESSIONS = {
    "no version": {"version": MISSING},
    "no time of the change": {"updatedAt": MISSING},
    "time of the change as text": {"updatedAt": {"S": "yesterday"}},
    "fraction as a version": {"version": {"N": "1.5"}},
}
POISON_CONNECTIONS = {
    "unknown role": {"role": {"S": "interpreter"}},
    "unknown language": {"targetLanguage": {"S": "uk"}},
    "unknown attribute": {"mood": {"M": {}}},
    "no language": {"targetLanguage": MISSING},
    "no role": {"role": MISSING},
    "no time of joining": {"joinedAt": MISSING},
    "expiry as text": {"expiresAt": {"S": "tomorrow"}},
    "session as text": {"sessionCreatedAt": {"S": "yesterday"}},
}

Change = dict[str, Json]


def changed(item: Json, change: Change) -> Json:
    return {name: value for name, value in {**item, **change}.items() if value is not MISSING}


def put(local: System, name: str, item: Json) -> None:
    dynamodb(local).put_item(TableName=table(local, name), Item=item)


def poison_connections(session: Session) -> None:
    """Write rows beside that of a listener, of connections that are not open."""
    (row,) = session.rows()
    for number, change in enumerate(POISON_CONNECTIONS.values()):
        item = {**row, "connectionId": {"S": f"{number:015d}="}, "joinedAt": {"N": "1"}}
        put(session.local, "connections", changed(item, change))


def poison(session: Session, change: Change) -> None:
    put(session.local, "sessions", changed(session.row(), change))


def test_poison_among_the_connections_stops_neither_joins_nor_counts_nor_messages_nor_the_drain(
    session: Session,
):
    listeners = [session.listener()]
    poison_connections(session)

    # Rows of roles that this release does not know are no listeners; rows of other languages are.
    listeners.append(session.listener("fr"))
    speaker = session.speaker()
    eventually(lambda: speaker.notices and speaker.notices[-1]["byLanguage"].get("fr") == 1)
    session.change(status="paused")
    eventually(lambda: all("sessionUpdated" in client.types() for client in (*listeners, speaker)))
    # The message has found that the readable ones are not open.
    eventually(lambda: session.read()["listenerCount"] == 2)
    session.end()

    eventually(lambda: all(client.closed for client in (*listeners, speaker)))
    assert all(client.types()[-1] == "sessionEnded" for client in (*listeners, speaker))
    unreadable = {"no role", "no time of joining", "expiry as text", "session as text"}
    eventually(lambda: len(session.rows()) == len(unreadable))


@pytest.mark.parametrize("change", SESSIONS_OF_OTHER_RELEASES.values(), ids=SESSIONS_OF_OTHER_RELEASES)
def test_a_session_of_another_release_is_served_by_every_function(session: Session, change: Change):
    poison(session, change)
    listener = session.listener()

    assert session.call("GET").status_code == 200
    assert [found["sessionId"] for found in session.call("GET", "/sessions").json()["sessions"]] == [
        session.id
    ]
    eventually(lambda: session.read()["listenerCount"] == 1)
    session.change(status="paused")
    eventually(lambda: listener.types() == ["sessionUpdated"])
    session.end()

    eventually(lambda: listener.closed)
    assert listener.types() == ["sessionUpdated", "sessionEnded"]
    eventually(lambda: session.rows() == [])
    assert session.row().items() >= {name: value for name, value in change.items() if name == "mood"}.items()


def test_a_session_with_an_unknown_status_can_be_read_and_joined_and_is_not_ended_by_mistake(
    session: Session,
):
    poison(session, {"status": {"S": "scheduled"}})
    listener = session.listener()

    assert session.read()["status"] == "scheduled"
    assert session.call("PATCH", json={"status": "paused"}).status_code == 409
    # 204 would be wrong: nothing has ended.
    assert session.call("DELETE").status_code == 409
    assert session.row()["status"] == {"S": "scheduled"}
    assert not listener.closed


def test_sessions_that_cannot_be_read_are_left_out_of_the_list(session: Session):
    good = session.row()
    for number, change in enumerate(UNREADABLE_SESSIONS.values()):
        item = {**good, "sessionId": {"S": f"pure-truth-{number}99"}}
        put(session.local, "sessions", changed(item, change))

    response = session.call("GET", "/sessions")

    assert response.status_code == 200
    assert [found["sessionId"] for found in response.json()["sessions"]] == [session.id]


@pytest.mark.parametrize("change", UNREADABLE_SESSIONS.values(), ids=UNREADABLE_SESSIONS)
def test_changes_of_a_session_that_cannot_be_read_do_not_stop_those_of_others(
    open_session: Callable[[], Session], change: Change
):
    bad, good = open_session(), open_session()
    listener, _ = good.listener(), bad.listener()

    poison(bad, change)
    poison(bad, {**change, "mood": {"S": "calm"}})
    good.change(status="paused")
    good.end()

    eventually(lambda: listener.closed)
    assert listener.types()[-1] == "sessionEnded"
    eventually(lambda: good.rows() == [])


def test_sessions_that_cannot_be_read_do_not_stop_the_sweep(
    open_session: Callable[[], Session], local: System
):
    bad, good = open_session(), open_session()
    listener, now = good.listener(), int(time.time())
    # Both are due; the bad one comes first in the index.
    poison(bad, {"dueAt": {"N": str(now - 120)}, "version": MISSING})
    poison(good, {"dueAt": {"N": str(now - 60)}, "expiresAt": {"N": str(now - 60)}})

    results = local.run_schedules(now)

    assert [result.error for result in results.values()] == [None]
    eventually(lambda: listener.closed)
    assert [message.get("reason") for message in listener.notices] == ["expired"]
    eventually(lambda: "dueAt" not in good.row())
    assert int(bad.row()["dueAt"]["N"]) > now
