"""A session with clients at it, from the first to the last, over real sockets."""

import time
from collections import Counter

import pytest

from scripts.local.system import System
from tests.support.eventually import eventually
from tests.system.in_process.conftest import Session, dynamodb, table


def test_everybody_hears_of_each_change_once_and_is_let_go_at_the_end(session: Session):
    clients = [session.speaker(), *(session.listener(language) for language in ("es", "es", "fr"))]

    changes = [{"status": "paused"}, {"status": "active"}, {"sourceLanguage": "de"}]
    for number, change in enumerate(changes, start=1):
        session.change(**change)
        # Of changes in quick succession clients hear the last one, as often as there were changes.
        eventually(lambda: all(client.types().count("sessionUpdated") == number for client in clients))  # noqa: B023
    ended_at = time.monotonic()
    session.end()

    eventually(lambda: all(client.closed for client in clients))
    assert max(client.closed or 0 for client in clients) - ended_at < 3
    assert {client.close_code for client in clients} == {1000}
    for client in clients:
        heard = [message for message in client.messages if message["type"] != "audience"]
        assert [
            (message["type"], message.get("status"), message.get("sourceLanguage")) for message in heard
        ] == [
            ("sessionUpdated", "paused", "en"),
            ("sessionUpdated", "active", "en"),
            ("sessionUpdated", "active", "de"),
            ("sessionEnded", None, None),
        ]
        assert heard[-1]["reason"] == "ended"
        assert {message["sessionId"] for message in heard} == {session.id}
    eventually(lambda: session.rows() == [])
    eventually(lambda: session.read()["listenerCount"] == 0, seconds=3)
    assert session.read()["status"] == "ended"
    assert not session.local.connections


def test_the_end_by_patch_is_the_same_end(session: Session):
    listener = session.listener()

    session.change(status="ended")

    eventually(lambda: listener.closed)
    assert listener.messages[-1]["reason"] == "ended"


def test_an_expired_session_lets_everybody_go(session: Session, local: System):
    listener = session.listener()

    # What DynamoDB's TTL does.
    dynamodb(local).delete_item(TableName=table(local, "sessions"), Key={"sessionId": {"S": session.id}})

    eventually(lambda: listener.closed)
    assert [(said["type"], said["reason"]) for said in listener.messages] == [("sessionEnded", "expired")]
    eventually(lambda: session.rows() == [])


def test_the_count_is_true_within_two_seconds_of_whoever_comes_and_goes(session: Session):
    speaker = session.speaker()
    listeners = [session.listener(language) for language in ("es", "fr", "es")]

    came = eventually(lambda: session.read()["listenerCount"] == 3)
    eventually(lambda: speaker.messages and speaker.messages[-1]["listenerCount"] == 3)
    most = speaker.messages[-1]
    for listener in listeners[:2]:
        listener.close()
    went = eventually(lambda: session.read()["listenerCount"] == 1)
    eventually(lambda: speaker.messages[-1]["listenerCount"] == 1)

    assert came < 2
    assert went < 2
    assert most == {"type": "audience", "listenerCount": 3, "byLanguage": {"es": 2, "fr": 1}}
    assert speaker.messages[-1]["byLanguage"] == {"es": 1}
    assert all(listener.messages == [] for listener in listeners)


def test_counting_does_not_change_the_version(session: Session):
    before = session.call("GET").headers["ETag"]
    session.listener()
    eventually(lambda: session.read()["listenerCount"] == 1)

    assert session.call("GET").headers["ETag"] == before


def test_a_speaker_hears_of_the_audience_at_most_once_a_second(session: Session):
    speaker = session.speaker()
    began = time.monotonic()
    for _ in range(10):
        session.listener()
    eventually(lambda: speaker.messages and speaker.messages[-1]["listenerCount"] == 10)
    seconds = speaker.received_at[-1] - began

    assert set(speaker.types()) == {"audience"}
    assert len(speaker.messages) <= seconds + 2


def test_heartbeats_are_answered_and_anything_else_is_an_unknown_action(session: Session):
    listener = session.listener()

    for message in ('{"action": "heartbeat"}', '{"action": "dance"}', "not JSON", '{"action": "heartbeat"}'):
        listener.send(message)

    eventually(lambda: len(listener.messages) == 4)
    assert Counter(listener.types()) == {"heartbeatAck": 2, "error": 2}
    assert {said.get("message") for said in listener.messages} == {None, "Unknown action"}
    assert listener.close_code is None


def test_a_speaker_may_listen_too(session: Session):
    listening = session.listener("es", token=session.token)

    eventually(lambda: session.read()["listenerCount"] == 1)
    assert listening.close_code is None


def test_who_is_at_another_session_hears_nothing(session: Session, open_session):
    elsewhere = open_session()
    listener, stranger = session.listener(), elsewhere.listener()

    session.end()

    eventually(lambda: listener.closed)
    assert (stranger.messages, stranger.close_code) == ([], None)


@pytest.mark.parametrize("status", [429, 500])
def test_api_gateway_being_busy_delays_a_message_and_never_doubles_it(session: Session, status: int):
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
