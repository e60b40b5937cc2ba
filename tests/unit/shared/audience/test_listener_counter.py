"""How many listen: counted from the rows, told to the speaker at most once a second."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection, SessionRef
from shared.audience.listener_counter import (
    MAX_WAIT_MS,
    NOTIFY_INTERVAL_MS,
    ListenerCounter,
)
from shared.audience.messages import Message
from shared.errors import ServiceUnavailable
from shared.sessions.session import Language, Session, Status
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections, MemoryListenerCounts
from tests.support.sessions import NOW, NOW_S, a_session

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = SessionRef("blessed-shepherd-427", NOW)
LATER = NOW + HANDSHAKE_S * 1000
OLDER = NOW - 30 * 60 * 60 * 1000


class Scene:
    """A session, the people at it, and a clock that sleeping moves."""

    def __init__(self, *rows: Connection, session: Session | None = None) -> None:
        self.sessions = {"blessed-shepherd-427": session or a_session()}
        self.connections = MemoryConnections(*rows)
        self.told: list[tuple[int, str, Message]] = []
        self.gone: set[str] = set()
        self.now = LATER
        self.counted: list[int] = []
        self.on_sleep: Callable[[], Any] = lambda: None
        self.on_post: Callable[[], Any] = lambda: None
        self.count_listeners = ListenerCounter(
            MemoryListenerCounts(self.sessions),
            self.connections,
            self,
            lambda: self.now,
            self.sleep,
            self.counted.append,
        )

    def recount(self, *sessions: SessionRef) -> int:
        self.count_listeners(sessions or [HERE])
        return self.sessions["blessed-shepherd-427"].listener_count

    def post(self, connection_id: str, message: Message) -> bool:
        self.on_post()
        if connection_id in self.gone:
            return False
        self.told.append((self.now, connection_id, message))
        return True

    def close(self, connection_id: str) -> None:
        raise AssertionError("Counting closes nothing")

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)
        self.on_sleep()

    def counts_told(self) -> list[object]:
        return [message.get("listenerCount") for _, _, message in self.told]


def listeners(number: int) -> list[Connection]:
    return [a_listener(id=f"listener-{n}") for n in range(number)]


def test_the_count_is_that_of_the_rows_however_wrong_it_was():
    scene = Scene(*listeners(3), session=a_session(listener_count=77))

    assert scene.recount() == 3
    assert scene.counted == [3]


def test_nobody_there_is_0():
    scene = Scene(session=a_session(listener_count=5))

    assert scene.recount() == 0
    assert scene.now == LATER


@pytest.mark.parametrize(
    "row",
    [
        a_speaker(),
        a_waiting_listener(),
        a_listener(expires_at=NOW_S + HANDSHAKE_S),
        a_listener(session_created_at=OLDER),
    ],
    ids=["the speaker", "one who waits", "one whose row is past its time", "an older session's"],
)
def test_who_does_not_listen_is_not_counted(row: Connection):
    assert Scene(row).recount() == 0


def test_the_version_is_left_alone():
    scene = Scene(*listeners(3))

    scene.recount()

    assert scene.sessions["blessed-shepherd-427"] == a_session(listener_count=3)


def test_an_ended_session_is_counted_down_to_0():
    ended = a_session(status=Status.ENDED, ended_at=NOW, listener_count=9)

    assert Scene(session=ended).recount() == 0


def test_a_session_that_is_gone_is_nobodys_concern():
    scene = Scene(a_speaker(session_created_at=OLDER), *listeners(2))

    scene.recount(SessionRef("blessed-shepherd-427", OLDER), SessionRef("holy-psalm-100", NOW))

    assert (scene.sessions["blessed-shepherd-427"].listener_count, scene.told) == (0, [])
    assert scene.now == LATER


def test_the_speaker_hears_who_listens_in_which_language():
    scene = Scene(a_speaker(id="s"), *listeners(2), a_listener(id="g", target_language=Language.GERMAN))

    scene.recount()

    assert scene.told == [
        (LATER, "s", {"type": "audience", "listenerCount": 3, "byLanguage": {"de": 1, "es": 2}})
    ]


def test_every_connection_of_the_speaker_hears_it_and_no_listener_does():
    scene = Scene(a_speaker(id="s1"), a_speaker(id="s2"), *listeners(1))

    scene.recount()

    assert [connection_id for _, connection_id, _ in scene.told] == ["s1", "s2"]


def test_a_speaker_hears_it_once_a_second_at_most_and_the_last_word_is_true():
    scene = Scene(a_speaker(), *listeners(1))
    scene.recount()
    scene.connections.add(a_listener(id="second"))
    scene.on_sleep = lambda: scene.connections.add(a_listener(id="third"))

    count = scene.recount()

    times = [at for at, _, _ in scene.told]
    assert NOTIFY_INTERVAL_MS <= times[1] - times[0] < 2 * NOTIFY_INTERVAL_MS
    assert scene.counts_told() == [1, 3]
    assert count == 3


def test_the_count_is_written_at_once_though_the_speaker_hears_it_later():
    scene = Scene(a_speaker(), *listeners(1))
    scene.recount()
    scene.connections.add(a_listener(id="second"))
    counted: list[int] = []
    scene.on_sleep = lambda: counted.append(scene.sessions["blessed-shepherd-427"].listener_count)

    scene.recount()

    assert counted[0] == 2


def test_a_speaker_who_has_gone_is_not_waited_for():
    scene = Scene(a_speaker(id="s"), *listeners(1))
    scene.gone.add("s")

    assert scene.recount() == 1
    assert scene.now == LATER


def test_a_speaker_who_is_still_coming_in_is_told_as_soon_as_that_is_possible():
    scene = Scene(a_speaker(id="s", joined_at=LATER - 10), *listeners(1))
    scene.gone.add("s")
    scene.on_sleep = lambda: scene.gone.clear()

    scene.recount()

    assert scene.counts_told() == [1]


def test_a_speaker_who_cannot_be_told_is_tried_for_a_second_and_a_half():
    scene = Scene(a_speaker(id="s", joined_at=LATER - 10), *listeners(1))
    scene.gone.add("s")

    scene.recount()

    assert scene.now == LATER + MAX_WAIT_MS


def test_one_session_does_not_keep_others_from_being_counted():
    scene = Scene(a_speaker(), *listeners(1))
    others = [f"holy-psalm-{number}" for number in range(100, 110)]
    for other in others:
        scene.sessions[other] = a_session(id=other)
        scene.connections.add(a_listener(session_id=other))

    def be_busy() -> None:
        raise ServiceUnavailable

    scene.on_post = be_busy

    with pytest.raises(ServiceUnavailable):
        scene.recount(HERE, *(SessionRef(other, NOW) for other in others))

    assert {session.listener_count for session in scene.sessions.values()} == {1}


def test_rows_say_which_sessions_they_belong_to():
    rows = [*listeners(3), a_listener(session_created_at=OLDER), replace(a_listener(), session_id="x")]

    assert {row.session for row in rows} == {
        HERE,
        SessionRef("blessed-shepherd-427", OLDER),
        SessionRef("x", NOW),
    }
