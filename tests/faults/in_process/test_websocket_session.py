"""A session and its connected clients, from the handshake to the end, over real sockets."""

import time
from collections import Counter

import pytest

from scripts.local.system import System
from tests.faults.in_process.conftest import Session, dynamodb, table, write_absence
from tests.support.eventually import eventually


def test_every_client_receives_each_change_once_and_is_disconnected_at_the_end(session: Session):
    clients = [session.speaker(), *(session.listener(language) for language in ("es", "es", "fr"))]

    changes = [{"status": "paused"}, {"status": "active"}, {"sourceLanguage": "de"}]
    for number, change in enumerate(changes, start=1):
        session.change(**change)
        # Of changes in quick succession, clients receive the last one as often as there were changes.
        eventually(lambda: all(client.types().count("sessionUpdated") == number for client in clients))  # noqa: B023
    session.end()

    eventually(lambda: all(client.closed for client in clients))
    assert {client.close_code for client in clients} == {1000}
    for client in clients:
        messages = [message for message in client.notices if message["type"] != "audience"]
        assert [
            (message["type"], message.get("status"), message.get("sourceLanguage")) for message in messages
        ] == [
            ("sessionUpdated", "paused", "en"),
            ("sessionUpdated", "active", "en"),
            ("sessionUpdated", "active", "de"),
            ("sessionEnded", None, None),
        ]
        assert messages[-1]["reason"] == "ended"
        assert {message["sessionId"] for message in messages} == {session.id}
    eventually(lambda: session.rows() == [])
    eventually(lambda: session.read()["listenerCount"] == 0)
    assert session.read()["status"] == "ended"
    assert not session.local.connections


def test_ending_by_patch_is_the_same_as_by_delete(session: Session):
    listener = session.listener()

    session.change(status="ended")

    eventually(lambda: listener.closed)
    assert listener.notices[-1]["reason"] == "ended"


def test_clients_are_disconnected_when_their_session_expires(session: Session, local: System):
    listener = session.listener()

    # What DynamoDB's TTL does.
    dynamodb(local).delete_item(TableName=table(local, "sessions"), Key={"sessionId": {"S": session.id}})

    eventually(lambda: listener.closed)
    assert [(message["type"], message["reason"]) for message in listener.notices] == [
        ("sessionEnded", "expired")
    ]
    eventually(lambda: session.rows() == [])


def test_the_count_follows_listeners_who_connect_and_disconnect(session: Session):
    speaker = session.speaker()
    listeners = [session.listener(language) for language in ("es", "fr", "es")]

    eventually(lambda: session.read()["listenerCount"] == 3)
    eventually(lambda: speaker.notices and speaker.notices[-1]["listenerCount"] == 3)
    with_three = speaker.notices[-1]
    for listener in listeners[:2]:
        listener.close()
    eventually(lambda: session.read()["listenerCount"] == 1)
    eventually(lambda: speaker.notices[-1]["listenerCount"] == 1)

    assert with_three.pop("timestamp") > 0
    assert with_three == {"type": "audience", "listenerCount": 3, "byLanguage": {"es": 2, "fr": 1}}
    assert speaker.notices[-1]["byLanguage"] == {"es": 1}
    assert all(listener.notices == [] for listener in listeners)


def test_counting_does_not_change_the_version(session: Session):
    before = session.call("GET").headers["ETag"]
    session.listener()
    eventually(lambda: session.read()["listenerCount"] == 1)

    assert session.call("GET").headers["ETag"] == before


def test_a_speaker_receives_the_audience_at_most_once_a_second(session: Session):
    speaker = session.speaker()
    began = time.monotonic()
    for _ in range(10):
        session.listener()
    eventually(lambda: speaker.notices and speaker.notices[-1]["listenerCount"] == 10)
    seconds = speaker.received_at[-1] - began

    assert set(speaker.types()) == {"audience"}
    assert len(speaker.notices) <= seconds + 2


def test_heartbeats_are_answered_and_anything_else_is_an_unknown_action(session: Session):
    listener = session.listener()

    for message in ('{"action": "heartbeat"}', '{"action": "dance"}', "not JSON", '{"action": "heartbeat"}'):
        listener.send(message)

    eventually(lambda: len(listener.notices) == 4)
    assert Counter(listener.types()) == {"heartbeatAck": 2, "error": 2}
    assert {message.get("message") for message in listener.notices} == {None, "Unknown action"}
    assert listener.close_code is None


def test_a_speaker_may_listen_too(session: Session):
    listener = session.listener("es", token=session.token)

    eventually(lambda: session.read()["listenerCount"] == 1)
    assert listener.close_code is None


def test_clients_of_another_session_receive_nothing(session: Session, open_session):
    other_session = open_session()
    listener, other_listener = session.listener(), other_session.listener()

    session.end()

    eventually(lambda: listener.closed)
    assert (other_listener.notices, other_listener.close_code) == ([], None)


@pytest.mark.parametrize("status", [429, 500])
def test_a_busy_api_gateway_delays_messages_and_never_doubles_them(session: Session, status: int):
    clients = [session.speaker(), *(session.listener() for _ in range(3))]
    refused: Counter[str] = Counter()

    def refuse(method: str, connection_id: str) -> int | None:
        refused[connection_id] += 1
        return status if method == "POST" and refused[connection_id] <= 3 else None

    session.local.management_api.forced_status = refuse
    session.end()

    eventually(lambda: all(client.closed for client in clients))
    assert all(client.types().count("sessionEnded") == 1 for client in clients)
    eventually(lambda: session.rows() == [])


def test_listeners_are_notified_when_their_speaker_is_absent_and_returns(session: Session):
    listener = session.listener()

    def presence() -> list[bool]:
        """Return what was said, in its order; a message may arrive twice, with the same timestamp."""
        messages = [message for message in listener.notices if message["type"] == "speakerPresence"]
        return list({message["timestamp"]: message["connected"] for message in messages}.values())

    write_absence(session, since=int(time.time() * 1000) - 10_000)
    eventually(lambda: presence() == [False])
    session.speaker()

    eventually(lambda: presence() == [False, True])
