"""Welcoming connections: who is sent what, when a connection opens late or never, and faults."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection
from shared.captions.describe_session import DescribeSession
from shared.captions.welcome import MAX_PARALLEL, MAX_WAIT_MS, Change, Welcome
from shared.errors import ConnectionUnreachable, ServiceUnavailable, UnreadableRow
from shared.sessions.session import Language, Session, Status
from tests.support.captions import a_caption
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.executors import SequentialExecutor
from tests.support.memory_stores import (
    MemoryCaptionHistory,
    MemoryConnections,
    MemoryLiveCaptions,
    MemorySessions,
)
from tests.support.sessions import NOW, NOW_S, a_session

SESSION_ID = "blessed-shepherd-427"
HANDSHAKE_MS = HANDSHAKE_S * 1000
LISTENER = a_listener()
SPEAKER = a_speaker()


class Sessions(MemorySessions):
    """Sessions whose reads call `on_get` first."""

    def __init__(self) -> None:
        super().__init__()
        self.on_get: Callable[[], object] = lambda: None

    def get(self, session_id: str) -> Session | None:
        self.on_get()
        return super().get(session_id)


class Harness:
    """The use case over stores in memory. Sleeping advances the clock. This is also the gateway.

    `posted` lists (ms after NOW, connection id, message). `opens_at` has the ms after NOW from which a
    connection is open (default 0), None for one that is gone. `on_post` is called with each id and may raise.
    """

    def __init__(self, *rows: Connection, **session: Any) -> None:
        self.sessions = Sessions()
        self.sessions.rows[SESSION_ID] = a_session(**session)
        self.connections = MemoryConnections(*rows)
        self.live_captions = MemoryLiveCaptions()
        self.history = MemoryCaptionHistory()
        self.posted: list[tuple[int, str, Mapping[str, Any]]] = []
        self.tries: list[tuple[int, str]] = []
        self.opens_at: dict[str, int | None] = {}
        self.on_post: Callable[[str], object] = lambda _: None
        self.now = NOW
        self.welcome = Welcome(
            DescribeSession(self.sessions, self.live_captions, lambda: self.now),
            self.history,
            self.connections,
            self,
            SequentialExecutor(),
            lambda: self.now,
            self.sleep,
        )

    def post(self, connection_id: str, message: Mapping[str, Any] | bytes) -> bool:
        assert not isinstance(message, bytes)
        self.tries.append((self.now - NOW, connection_id))
        self.on_post(connection_id)
        opens_at = self.opens_at.get(connection_id, 0)
        if opens_at is None or self.now < NOW + opens_at:
            return False
        self.posted.append((self.now - NOW, connection_id, message))
        return True

    def close(self, connection_id: str) -> None:
        raise AssertionError(connection_id)

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    def publish(self, number: int, *, begin: int = 1) -> None:
        """Store captions with Spanish translations."""
        for sequence in range(begin, begin + number):
            self.history.add(a_caption(sequence))
            self.history.set_translations(a_caption(sequence), {Language.SPANISH: f"Frase {sequence}."})

    def types(self, connection_id: str) -> list[str]:
        return [message["type"] for _, to, message in self.posted if to == connection_id]

    def row_ids(self) -> list[str]:
        return [row.id for row in self.connections.of_session(SESSION_ID)]


def admission(row: Connection) -> Change:
    """Return the change that admits the connection."""
    return replace(row, admitted_at=None), row


def change_of_language(row: Connection, language: Language) -> Change:
    return row, replace(row, target_language=language)


# who is sent what


def test_a_listener_is_sent_the_session_and_then_the_last_captions():
    harness = Harness(LISTENER, listener_count=3)
    harness.publish(2)

    harness.welcome([admission(LISTENER)])

    (_, to, joined), (_, to_too, captions) = harness.posted
    assert to == to_too == LISTENER.id
    assert joined["type"] == "sessionJoined"
    assert (joined["connectionId"], joined["role"], joined["targetLanguage"]) == (
        LISTENER.id,
        "listener",
        "es",
    )
    assert (joined["status"], joined["version"], joined["listenerCount"]) == ("active", NOW, 3)
    assert captions["type"] == "captions"
    assert [(view["sequence"], view["text"]) for view in captions["captions"]] == [
        (1, "Frase 1."),
        (2, "Frase 2."),
    ]


def test_a_listener_who_comes_before_the_first_caption_is_sent_an_empty_list():
    harness = Harness(LISTENER)

    harness.welcome([admission(LISTENER)])

    assert harness.posted[1][2] == {"type": "captions", "captions": [], "timestamp": NOW}


def test_a_listener_is_sent_the_last_20_captions():
    harness = Harness(LISTENER)
    harness.publish(25)

    harness.welcome([admission(LISTENER)])

    assert [view["sequence"] for view in harness.posted[1][2]["captions"]] == list(range(6, 26))


def test_captions_that_nobody_had_translated_are_sent_in_the_source_language():
    listener = a_listener(target_language=Language.FRENCH)
    harness = Harness(listener)
    harness.publish(1)

    harness.welcome([admission(listener)])

    (view,) = harness.posted[1][2]["captions"]
    assert (view["language"], view["text"], view["translated"]) == ("en", "Sentence 1.", False)


def test_captions_of_an_earlier_session_with_the_same_id_are_not_sent():
    harness = Harness(LISTENER)
    harness.history.add(a_caption(session=a_listener(session_created_at=NOW - 1).session))

    harness.welcome([admission(LISTENER)])

    assert harness.posted[1][2]["captions"] == []


def test_the_speaker_is_sent_the_session_with_the_last_sequence_and_no_captions():
    harness = Harness(SPEAKER)
    harness.publish(2)
    harness.live_captions.publish(a_caption(2), characters_per_minute=0)

    harness.welcome([admission(SPEAKER)])

    ((_, to, joined),) = harness.posted
    assert (to, joined["role"], joined["lastSequence"]) == (SPEAKER.id, "speaker", 2)


def test_a_listener_who_changes_the_language_is_sent_the_captions_in_it_and_not_the_session():
    harness = Harness(LISTENER)
    harness.publish(1)
    harness.history.set_translations(a_caption(1), {Language.FRENCH: "Phrase 1."})

    harness.welcome([change_of_language(LISTENER, Language.FRENCH)])

    ((_, to, captions),) = harness.posted
    assert (to, captions["type"]) == (LISTENER.id, "captions")
    assert [view["text"] for view in captions["captions"]] == ["Phrase 1."]


@pytest.mark.parametrize(
    "change",
    [
        (None, a_waiting_listener()),
        (a_waiting_listener(), a_waiting_listener(expires_at=NOW_S + 60)),
        (LISTENER, LISTENER),
        (LISTENER, replace(LISTENER, expires_at=NOW_S + 60)),
        (LISTENER, None),
        (a_waiting_listener(), None),
        (None, None),
        (SPEAKER, replace(SPEAKER, expires_at=NOW_S + 60)),
    ],
    ids=["new", "waiting", "same", "expiry", "removed", "refused", "nothing", "speaker"],
)
def test_other_changes_send_nothing(change: Change):
    harness = Harness(LISTENER)

    harness.welcome([change])

    assert harness.tries == []


def test_an_admitted_connection_without_an_earlier_row_is_welcomed():
    harness = Harness(LISTENER)

    harness.welcome([(None, LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]


@pytest.mark.parametrize("role", ["listener", "interpreter"])
def test_a_connection_without_a_language_is_sent_no_captions(role: str):
    row = a_listener(role=role, target_language=None)
    harness = Harness(row)

    harness.welcome([admission(row)])

    assert harness.types(row.id) == ["sessionJoined"]


def test_a_language_of_a_later_release_is_sent_the_source_text():
    row = a_listener(target_language="uk")
    harness = Harness(row)
    harness.publish(1)

    harness.welcome([admission(row)])

    assert [view["language"] for view in harness.posted[1][2]["captions"]] == ["en"]


# several changes of one connection


def test_an_admission_and_a_change_of_language_in_one_batch_are_one_welcome_in_the_new_language():
    harness = Harness(LISTENER)

    harness.welcome([admission(LISTENER), change_of_language(LISTENER, Language.FRENCH)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]
    assert harness.posted[0][2]["targetLanguage"] == "fr"


def test_several_changes_of_language_in_one_batch_send_captions_once():
    french = replace(LISTENER, target_language=Language.FRENCH)
    harness = Harness(LISTENER)
    harness.publish(1)

    harness.welcome([(LISTENER, french), (french, LISTENER)])

    ((_, _, captions),) = harness.posted
    assert [view["text"] for view in captions["captions"]] == ["Frase 1."]


def test_a_connection_that_is_removed_in_the_same_batch_is_not_welcomed():
    harness = Harness()

    harness.welcome([admission(LISTENER), (LISTENER, None)])

    assert harness.tries == []


# the session


@pytest.mark.parametrize(
    "session",
    [{"status": Status.ENDED}, {"expires_at": NOW_S}, {"created_at": NOW + 1}],
    ids=["ended", "expired", "another one"],
)
@pytest.mark.parametrize(
    "change", [admission(LISTENER), change_of_language(LISTENER, Language.FRENCH)], ids=["join", "language"]
)
def test_nothing_is_sent_when_the_session_is_over_and_its_end_dismisses_the_connection(
    change: Change, session: dict[str, Any]
):
    harness = Harness(LISTENER, **session)
    harness.publish(1)

    harness.welcome([change])

    assert (harness.tries, harness.row_ids()) == ([], [LISTENER.id])


def test_nothing_is_sent_when_the_session_is_gone():
    harness = Harness(LISTENER)
    harness.sessions.rows.clear()

    harness.welcome([admission(LISTENER)])

    assert harness.tries == []


def test_a_session_that_cannot_be_read_stops_no_other_connection():
    other = a_listener(id="other", session_id="holy-psalm-100")
    harness = Harness(LISTENER, other)
    harness.sessions.rows["holy-psalm-100"] = a_session(id="holy-psalm-100")
    reads = iter([UnreadableRow])

    def fail_first() -> None:
        if error := next(reads, None):
            raise error

    harness.sessions.on_get = fail_first

    harness.welcome([admission(LISTENER), admission(other)])

    assert [to for _, to, _ in harness.posted] == ["other", "other"]


# the handshake


@pytest.mark.parametrize("opens_at", [1, 100, 101, 1000, 5000, HANDSHAKE_MS - 1])
def test_a_connection_that_is_not_open_yet_is_welcomed_once_it_is(opens_at: int):
    harness = Harness(LISTENER)
    harness.opens_at[LISTENER.id] = opens_at

    harness.welcome([admission(LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]
    assert harness.row_ids() == [LISTENER.id]
    # Late by at most the longest interval between two tries.
    assert opens_at <= harness.posted[0][0] <= opens_at + 1000


def test_a_connection_that_opens_soon_is_welcomed_within_a_tenth_of_a_second():
    harness = Harness(LISTENER)
    harness.opens_at[LISTENER.id] = 30

    harness.welcome([admission(LISTENER)])

    assert harness.posted[0][0] == 100


def test_the_session_is_read_again_when_the_connection_opens():
    harness = Harness(LISTENER)
    harness.opens_at[LISTENER.id] = 500

    def pause(_: str) -> None:
        if harness.now >= NOW + 200:
            harness.sessions.rows[SESSION_ID] = a_session(status=Status.PAUSED, version=NOW + 1)

    harness.on_post = pause

    harness.welcome([admission(LISTENER)])

    assert (harness.posted[0][2]["status"], harness.posted[0][2]["version"]) == ("paused", NOW + 1)


def test_captions_that_were_published_before_the_connection_opened_are_in_its_history():
    harness = Harness(LISTENER)
    harness.opens_at[LISTENER.id] = 500
    harness.on_post = lambda _: harness.history.rows or harness.publish(1)

    harness.welcome([admission(LISTENER)])

    assert [view["sequence"] for view in harness.posted[1][2]["captions"]] == [1]


def test_a_connection_that_never_opens_is_removed_after_its_handshake():
    harness = Harness(LISTENER, a_listener(id="other"))
    harness.opens_at[LISTENER.id] = None

    harness.welcome([admission(LISTENER)])

    assert (harness.posted, harness.row_ids()) == ([], ["other"])
    # The last try is the first one after the handshake, and all tries are few.
    assert harness.tries[-2][0] < HANDSHAKE_MS <= harness.tries[-1][0]
    assert len(harness.tries) < 20


def test_a_connection_that_has_closed_meanwhile_is_not_waited_for():
    harness = Harness(LISTENER, SPEAKER)
    harness.opens_at[LISTENER.id] = None
    harness.on_post = lambda _: harness.connections.remove(SESSION_ID, LISTENER.id)

    harness.welcome([(a_waiting_listener(), LISTENER), (None, SPEAKER)])

    assert [connection_id for _, connection_id in harness.tries] == [LISTENER.id, SPEAKER.id]
    assert harness.now - NOW == 100  # before the only other try


def test_a_connection_that_is_gone_after_its_handshake_is_removed_at_once():
    harness = Harness(LISTENER)
    harness.opens_at[LISTENER.id] = None
    harness.now = NOW + HANDSHAKE_MS

    harness.welcome([admission(LISTENER)])

    assert (len(harness.tries), harness.row_ids()) == (1, [])


def test_a_listener_who_leaves_between_both_messages_is_removed_at_once():
    harness = Harness(LISTENER)

    def leave(connection_id: str) -> None:
        if harness.posted:
            harness.opens_at[connection_id] = None

    harness.on_post = leave

    harness.welcome([admission(LISTENER)])

    assert (harness.types(LISTENER.id), harness.row_ids()) == (["sessionJoined"], [])
    assert harness.now == NOW  # nobody waits


def test_connections_that_never_open_delay_no_others():
    gone = [a_listener(id=f"gone-{number}") for number in range(2 * MAX_PARALLEL)]
    harness = Harness(*gone, LISTENER)
    harness.opens_at |= {row.id: None for row in gone}

    harness.welcome([*map(admission, gone), admission(LISTENER)])

    assert [(at, to) for at, to, _ in harness.posted] == [(0, LISTENER.id)] * 2
    assert harness.row_ids() == [LISTENER.id]


# faults


def fail_with(error: type[Exception], *connection_ids: str, until: int = 10**9) -> Callable[[Harness], None]:
    def install(harness: Harness) -> None:
        def fail(connection_id: str) -> None:
            if connection_id in connection_ids and harness.now < NOW + until:
                raise error

        harness.on_post = fail

    return install


def test_a_connection_that_api_gateway_rejects_is_skipped_and_kept_for_the_end_of_the_session():
    other = a_listener(id="other")
    harness = Harness(LISTENER, other)
    fail_with(ConnectionUnreachable, LISTENER.id)(harness)

    harness.welcome([admission(LISTENER), admission(other)])

    assert harness.tries.count((0, LISTENER.id)) == 1
    assert harness.types("other") == ["sessionJoined", "captions"]
    assert harness.row_ids() == [LISTENER.id, "other"]


def test_a_throttled_message_is_sent_when_the_throttling_is_over():
    harness = Harness(LISTENER)
    fail_with(ServiceUnavailable, LISTENER.id, until=2000)(harness)

    harness.welcome([admission(LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]
    assert harness.posted[0][0] >= 2000


def test_throttling_between_both_messages_does_not_repeat_the_first():
    harness = Harness(LISTENER)
    failures = iter([ServiceUnavailable] * 3)

    def throttle_second_message(_: str) -> None:
        if harness.posted and (error := next(failures, None)):
            raise error

    harness.on_post = throttle_second_message

    harness.welcome([admission(LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]


def test_lasting_throttling_leaves_the_rest_to_the_next_invocation_and_delays_no_other_connection():
    other = a_listener(id="other")
    harness = Harness(LISTENER, other)
    fail_with(ServiceUnavailable, LISTENER.id)(harness)

    with pytest.raises(ServiceUnavailable):
        harness.welcome([admission(LISTENER), admission(other)])

    assert [at for at, to, _ in harness.posted if to == "other"] == [0, 0]
    assert harness.row_ids() == [LISTENER.id, "other"]
    assert MAX_WAIT_MS <= harness.now - NOW <= MAX_WAIT_MS + 1000


def test_a_repeated_call_welcomes_all_again():
    harness = Harness(LISTENER)
    fail_with(ServiceUnavailable, LISTENER.id)(harness)
    with pytest.raises(ServiceUnavailable):
        harness.welcome([admission(LISTENER)])
    harness.on_post = lambda _: None

    for _ in range(2):
        harness.welcome([admission(LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"] * 2


def test_a_fault_of_the_sessions_table_is_repeated():
    harness = Harness(LISTENER)
    failures = iter([ServiceUnavailable] * 2)

    def fail() -> None:
        if error := next(failures, None):
            raise error

    harness.sessions.on_get = fail

    harness.welcome([admission(LISTENER)])

    assert harness.types(LISTENER.id) == ["sessionJoined", "captions"]


def test_another_exception_is_not_hidden():
    harness = Harness(LISTENER)
    fail_with(ZeroDivisionError, LISTENER.id)(harness)

    with pytest.raises(ZeroDivisionError):
        harness.welcome([admission(LISTENER)])


# threads


def test_connections_are_welcomed_at_the_same_time():
    rows = [a_listener(id=f"listener-{number}") for number in range(MAX_PARALLEL)]
    harness = Harness(*rows)
    all_waiting = threading.Barrier(MAX_PARALLEL)
    with ThreadPoolExecutor(MAX_PARALLEL) as executor:
        harness.welcome._executor = executor
        # Passes only if each waits here at the same time: a broken barrier raises.
        harness.on_post = lambda _: all_waiting.wait(timeout=60)

        harness.welcome(map(admission, rows))

    assert sorted(to for _, to, _ in harness.posted) == sorted([row.id for row in rows] * 2)
