"""The function that runs each minute: it ends expired and abandoned sessions, and finishes drains."""

import time

import pytest

from scripts.local.lambda_.invocation import Result
from scripts.local.system import System
from tests.faults.in_process.conftest import SPEAKER_ABSENT_MINUTES, Json, Session, dynamodb, table
from tests.support.eventually import eventually

MINUTE = 60
DAY = 24 * 60 * MINUTE


def sweep(local: System, *, in_seconds: float = 0) -> None:
    """Run the schedules as if so much time had passed."""
    results = local.run_schedules(at=time.time() + in_seconds)
    assert [result.error for result in results.values()] == [None]


def is_absent(session: Session) -> bool:
    """Return whether the session's row says that its speaker is absent."""
    key = {"sessionId": {"S": session.id}}
    row = dynamodb(session.local).get_item(TableName=table(session.local, "sessions"), Key=key)["Item"]
    return "speakerAbsentSince" in row


def set_number(session: Session, table_name: str, key: Json, attribute: str, value: int) -> None:
    """Write an attribute of a row."""
    dynamodb(session.local).update_item(
        TableName=table(session.local, table_name),
        Key=key,
        UpdateExpression=f"SET {attribute} = :value",
        ExpressionAttributeValues={":value": {"N": str(value)}},
    )


@pytest.fixture
def absent(session: Session) -> Session:
    """A session whose speaker was connected and is absent."""
    speaker = session.speaker()
    eventually(lambda: speaker.notices)  # the function that counts has seen the connection
    speaker.close()
    eventually(lambda: is_absent(session))
    return session


def test_an_expired_session_ends_for_its_clients(session: Session, local: System):
    clients = [session.speaker(), session.listener()]
    # Until then the session has another due time, and a sweep that meets the change leaves it to the next.
    eventually(lambda: "audience" in clients[0].types())

    sweep(local, in_seconds=DAY + MINUTE)

    assert session.rows() == []
    eventually(lambda: all(client.closed for client in clients))
    assert all(client.notices[-1]["reason"] == "expired" for client in clients)


def test_a_session_is_abandoned_when_its_speaker_has_been_absent_for_too_long(absent: Session, local: System):
    listener = absent.listener()

    sweep(local, in_seconds=(SPEAKER_ABSENT_MINUTES - 1) * MINUTE)
    assert absent.read()["status"] == "active"
    sweep(local, in_seconds=(SPEAKER_ABSENT_MINUTES + 1) * MINUTE)

    session = absent.read()
    assert (session["status"], session["endReason"]) == ("ended", "abandoned")
    eventually(lambda: listener.closed)
    assert listener.notices[-1]["reason"] == "abandoned"


def test_a_session_whose_speaker_has_returned_is_not_abandoned(absent: Session, local: System):
    absent.speaker()
    eventually(lambda: not is_absent(absent))

    sweep(local, in_seconds=(SPEAKER_ABSENT_MINUTES + 1) * MINUTE)

    assert absent.read()["status"] == "active"


def test_a_session_to_which_no_speaker_has_connected_is_not_abandoned(session: Session, local: System):
    sweep(local, in_seconds=(SPEAKER_ABSENT_MINUTES + 1) * MINUTE)

    assert session.read()["status"] == "active"


def test_an_absence_is_noticed_although_the_disconnect_was_lost(session: Session, local: System):
    speaker = session.speaker()
    eventually(lambda: speaker.notices)
    local.websockets.loses_disconnect = lambda _: True
    speaker.close()
    eventually(lambda: not local.connections)
    # As if two hours had passed, after which API Gateway has closed the connection in any case.
    (row,) = session.rows()
    expired = int(time.time()) - 5 * MINUTE
    key = {name: row[name] for name in ("sessionId", "connectionId")}
    set_number(session, "connections", key, "expiresAt", expired)
    set_number(session, "sessions", {"sessionId": {"S": session.id}}, "dueAt", expired)

    sweep(local)

    assert is_absent(session)


def test_clients_are_disconnected_although_the_stream_lost_the_end_of_their_session(
    session: Session, local: System, monkeypatch: pytest.MonkeyPatch
):
    listener, invoke = session.listener(), local.functions.invoke

    async def lose_changes(function: str, payload: bytes, **options: str) -> Result:
        if function.endswith("-session_changed"):
            return Result(b"null")
        return await invoke(function, payload, **options)

    monkeypatch.setattr(local.functions, "invoke", lose_changes)
    session.end()

    sweep(local, in_seconds=MINUTE)
    assert not listener.closed
    sweep(local, in_seconds=3 * MINUTE)

    eventually(lambda: listener.closed)
    assert listener.notices[-1]["reason"] == "ended"
    assert session.rows() == []
