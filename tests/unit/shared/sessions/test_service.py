"""The use cases: open, find, change, end, over a store in memory, with time and chance passed in."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import (
    IdempotencyKeyReused,
    NotOwner,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    VersionMismatch,
)
from shared.sessions import ids
from shared.sessions.create import CLASH_TRIES_MS
from shared.sessions.requests import NewSession, SessionChange
from shared.sessions.session import ConditionFailed, Language, QualityTier, Session, SessionPatch, Status
from tests.support.memory_stores import MemorySessions
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.use_cases import SessionUseCases

DAY_S = 24 * 60 * 60
GRACE_S = 3 * 60 * 60
ENGLISH = NewSession.parse({"sourceLanguage": "en"})
FRENCH = NewSession.parse({"sourceLanguage": "fr"})
PAUSE = SessionPatch(status=Status.PAUSED)
FIRST = "blessed-shepherd-100"


class Clock:
    """A clock that moves when it is told to, and by `step` ms each time it is read."""

    def __init__(self) -> None:
        self.now = NOW
        self.step = 0

    def __call__(self) -> int:
        now = self.now
        self.now += self.step
        return now


class CountedMetrics:
    """What was counted, in order."""

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.sessions: list[Session] = []

    def session_created(self, session: Session) -> None:
        self.counted.append("created")
        self.sessions.append(session)

    def session_ended(self, session: Session) -> None:
        self.counted.append("ended")
        self.sessions.append(session)

    def session_id_clash(self) -> None:
        self.counted.append("clash")


class CountedStore(MemorySessions):
    """A memory store that remembers how often it was used."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def add(self, session: Session, **bounds: Any) -> Any:
        self.calls.append("add")
        return super().add(session, **bounds)

    def get(self, session_id: str) -> Session | None:
        self.calls.append("get")
        return super().get(session_id)

    def update(self, *args: Any) -> Any:
        self.calls.append("update")
        return super().update(*args)


@pytest.fixture
def store() -> CountedStore:
    return CountedStore()


@pytest.fixture
def metrics() -> CountedMetrics:
    return CountedMetrics()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(store: CountedStore, metrics: CountedMetrics, clock: Clock) -> SessionUseCases:
    def attempt_number(attempt: int, n: int) -> int:
        # blessed-shepherd-100, faithful-shepherd-100, then the same words with wider numbers
        return attempt

    return SessionUseCases(store, metrics, clock, draw=attempt_number)


def create(sessions: SessionUseCases, request: NewSession = ENGLISH, **different: Any) -> Session:
    return sessions.create(request, **{"speaker": ALICE, "key": None} | different)


def candidates(key: str, speaker: str = ALICE) -> Iterator[str]:
    return ids.candidates(3, ids.draw_by_key(speaker, key))


def hold(store: CountedStore, *held: str, **different: Any) -> None:
    for session_id in held:
        store.rows[session_id] = a_session(id=session_id, speaker=BOB, **different)


# open


def test_a_new_session_is_active_has_no_listeners_and_lives_24_hours(sessions: SessionUseCases):
    session = create(sessions, NewSession.parse({"sourceLanguage": "fr", "qualityTier": "premium"}))

    assert session == a_session(
        id=FIRST, source_language=Language.FRENCH, quality_tier=QualityTier.PREMIUM, expires_at=NOW_S + DAY_S
    )


def test_opening_is_one_write_and_is_counted_once(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics
):
    opened = create(sessions)

    assert (store.calls, metrics.counted) == (["add"], ["created"])
    assert metrics.sessions == [opened]


def test_what_has_ended_is_counted_as_it_is_at_its_end(sessions: SessionUseCases, metrics: CountedMetrics):
    opened = create(sessions)

    ended = sessions.delete(opened.id, speaker=ALICE, versions=None)

    assert metrics.sessions == [opened, ended]


def test_without_a_key_each_request_opens_another_session(store: CountedStore, metrics: CountedMetrics):
    sessions = SessionUseCases(store, metrics, Clock(), digits=9)

    opened = {create(sessions).id for _ in range(20)}

    assert len(opened) == 20


def test_a_clash_of_ids_tries_the_next_and_is_counted(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics
):
    hold(store, FIRST)

    session = create(sessions)

    assert session.id == "faithful-shepherd-100"
    assert store.rows[FIRST].speaker == BOB
    assert metrics.counted == ["clash", "created"]


def test_after_five_clashes_the_client_is_asked_to_try_again(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics
):
    hold(store, *ids.candidates(3, lambda attempt, _n: attempt))

    with pytest.raises(ServiceUnavailable):
        create(sessions)

    assert metrics.counted == ["clash"] * 5
    assert {session.speaker for session in store.rows.values()} == {BOB}


def test_no_further_id_is_tried_when_the_store_is_slow(
    sessions: SessionUseCases, store: CountedStore, clock: Clock
):
    hold(store, *ids.candidates(3, lambda attempt, _n: attempt))
    clock.step = CLASH_TRIES_MS + 1

    with pytest.raises(ServiceUnavailable):
        create(sessions)

    assert store.calls == ["add"]


def test_a_clash_within_the_time_for_tries_goes_on(
    sessions: SessionUseCases, store: CountedStore, clock: Clock
):
    hold(store, FIRST)
    clock.step = CLASH_TRIES_MS

    assert create(sessions).id == "faithful-shepherd-100"


@pytest.mark.parametrize(
    ("expired_s_ago", "taken"),
    [(-1, False), (0, False), (GRACE_S, False), (GRACE_S + 1, True)],
)
def test_an_old_id_comes_back_only_after_three_hours(
    sessions: SessionUseCases, store: CountedStore, expired_s_ago: int, taken: bool
):
    hold(store, FIRST, expires_at=NOW_S - expired_s_ago)

    session = create(sessions)

    assert (session.id == FIRST) is taken


def test_the_etag_of_a_recycled_id_is_none_that_the_old_session_had(
    sessions: SessionUseCases, store: CountedStore, clock: Clock
):
    old = create(sessions)
    for _ in range(50):
        old = sessions.update(old.id, PAUSE, speaker=ALICE, versions=None)
    clock.now = (old.expires_at + GRACE_S + 1) * 1000

    new = create(sessions)

    assert new.id == old.id
    assert new.version > old.version


# open with an Idempotency-Key


def test_the_same_key_and_body_get_the_first_session_back(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics, clock: Clock
):
    first = create(sessions, key="k1")
    clock.now += 60_000

    again = [create(sessions, key="k1") for _ in range(3)]

    assert again == [first] * 3
    assert list(store.rows.values()) == [first]
    assert metrics.counted == ["created"]


def test_the_replay_shows_the_session_as_it_is_now(sessions: SessionUseCases):
    first = create(sessions, key="k1")
    paused = sessions.update(first.id, PAUSE, speaker=ALICE, versions=None)

    assert create(sessions, key="k1") == paused


def test_a_default_that_is_written_out_is_the_same_body(sessions: SessionUseCases):
    first = create(sessions, key="k1")

    spelled_out = NewSession.parse({"qualityTier": "standard", "sourceLanguage": "en"})

    assert create(sessions, spelled_out, key="k1") == first


@pytest.mark.parametrize(
    "another", [FRENCH, NewSession.parse({"sourceLanguage": "en", "qualityTier": "premium"})]
)
def test_the_same_key_with_another_body_is_refused(
    sessions: SessionUseCases, store: CountedStore, another: NewSession
):
    first = create(sessions, key="k1")

    with pytest.raises(IdempotencyKeyReused):
        create(sessions, another, key="k1")

    assert list(store.rows.values()) == [first]


def test_another_speaker_with_the_same_key_opens_their_own_session(sessions: SessionUseCases):
    hers = create(sessions, key="k1")
    his = create(sessions, key="k1", speaker=BOB)

    assert (hers.speaker, his.speaker) == (ALICE, BOB)
    assert hers.id != his.id


def test_a_stranger_on_the_first_candidate_of_a_key_is_a_clash_and_no_replay(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics
):
    first, second, *_ = candidates("k1")
    hold(store, first)

    opened = create(sessions, key="k1")
    again = create(sessions, key="k1")

    assert opened.id == again.id == second
    assert metrics.counted == ["clash", "created", "clash"]


@pytest.mark.parametrize(("speaker", "key"), [(BOB, "k1"), (ALICE, "k2")], ids=["speaker", "key"])
def test_a_session_of_another_speaker_or_key_is_never_handed_out(
    sessions: SessionUseCases, store: CountedStore, speaker: str, key: str
):
    theirs = create(sessions, speaker=speaker, key=key)
    first, second, *_ = candidates("k1")
    store.rows = {first: replace(theirs, id=first)}

    assert create(sessions, key="k1").id == second


def test_a_session_opened_without_a_key_is_never_handed_out_for_one(
    sessions: SessionUseCases, store: CountedStore
):
    first, second, *_ = candidates("k1")
    store.rows[first] = a_session(id=first)

    assert create(sessions, key="k1").id == second


def test_an_expired_session_of_the_key_is_not_handed_out_again(
    sessions: SessionUseCases, store: CountedStore, clock: Clock
):
    first = create(sessions, key="k1")
    clock.now = first.expires_at * 1000

    second = create(sessions, key="k1")

    assert second.id != first.id
    assert second.live(clock.now)
    assert store.rows[first.id] == first


def test_an_expired_session_of_the_key_does_not_refuse_another_body(sessions: SessionUseCases, clock: Clock):
    first = create(sessions, key="k1")
    clock.now = first.expires_at * 1000

    assert create(sessions, FRENCH, key="k1").source_language is Language.FRENCH


def test_a_speaker_and_a_key_that_read_alike_together_are_told_apart(sessions: SessionUseCases):
    one = create(sessions, speaker="alice", key="1bob")
    other = create(sessions, speaker="alice1", key="bob")

    assert one.id != other.id
    assert one.idempotency_key_digest != other.idempotency_key_digest


def test_neither_the_key_nor_the_body_is_kept_in_the_clear(sessions: SessionUseCases):
    session = create(sessions, key="order-1234")

    assert "order-1234" not in str(session)


# find


def test_anybody_finds_a_session_by_its_id(sessions: SessionUseCases):
    opened = create(sessions)

    assert sessions.get(opened.id) == opened


def test_an_expired_session_is_never_served(sessions: SessionUseCases, clock: Clock):
    opened = create(sessions)
    clock.now = opened.expires_at * 1000 - 1
    assert sessions.get(opened.id) == opened

    clock.now += 1

    with pytest.raises(SessionNotFound):
        sessions.get(opened.id)


def test_an_ended_session_is_found_until_it_expires(sessions: SessionUseCases):
    opened = create(sessions)
    sessions.delete(opened.id, speaker=ALICE, versions=None)

    assert sessions.get(opened.id).status is Status.ENDED


@pytest.mark.parametrize("malformed", ["", "HEALTH", "blessed-shepherd-427\n", "x" * 10_000])
def test_a_malformed_id_is_not_found_without_asking_the_store(
    sessions: SessionUseCases, store: CountedStore, malformed: str
):
    with pytest.raises(SessionNotFound):
        sessions.get(malformed)
    with pytest.raises(SessionNotFound):
        sessions.update(malformed, PAUSE, speaker=ALICE, versions=None)
    with pytest.raises(SessionNotFound):
        sessions.delete(malformed, speaker=ALICE, versions=None)

    assert store.calls == []


# change


def test_a_speaker_changes_their_own_session_in_one_write(
    sessions: SessionUseCases, store: CountedStore, metrics: CountedMetrics, clock: Clock
):
    opened = create(sessions)
    clock.now += 1500

    changed = sessions.update(opened.id, PAUSE, speaker=ALICE, versions=frozenset({opened.version}))

    assert changed == replace(opened, status=Status.PAUSED, updated_at=NOW + 1500, version=opened.version + 1)
    assert (store.calls, metrics.counted) == (["add", "update"], ["created"])


@pytest.mark.parametrize(
    ("speaker", "versions", "age_s", "refusal"),
    [
        (BOB, None, 0, NotOwner),
        (ALICE, frozenset({1}), 0, VersionMismatch),
        (ALICE, frozenset[int](), 0, VersionMismatch),
        (ALICE, None, DAY_S, SessionNotFound),
    ],
)
def test_a_refused_change_leaves_the_session_as_it_was(
    sessions: SessionUseCases,
    store: CountedStore,
    clock: Clock,
    speaker: str,
    versions: frozenset[int] | None,
    age_s: int,
    refusal: type[Exception],
):
    opened = create(sessions)
    clock.now += age_s * 1000

    with pytest.raises(refusal) as change:
        sessions.update(opened.id, PAUSE, speaker=speaker, versions=versions)
    with pytest.raises(refusal) as end:
        sessions.delete(opened.id, speaker=speaker, versions=versions)

    assert store.rows[opened.id] == opened
    if refusal is NotOwner:
        assert [str(refused.value) for refused in (change, end)] == [
            "Not authorized to update this session",
            "Not authorized to delete this session",
        ]


def test_a_store_that_refuses_what_is_permitted_is_a_bug(
    sessions: SessionUseCases, store: CountedStore, monkeypatch: pytest.MonkeyPatch
):
    opened = create(sessions)
    monkeypatch.setattr(store, "update", lambda *_: ConditionFailed(opened))

    with pytest.raises(AssertionError, match=r"^The store refused a write that the precondition permits$"):
        sessions.update(opened.id, PAUSE, speaker=ALICE, versions=None)


def test_an_absent_session_cannot_be_changed(sessions: SessionUseCases):
    with pytest.raises(SessionNotFound):
        sessions.update(FIRST, PAUSE, speaker=ALICE, versions=None)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "active"},
        {"status": "paused"},
        {"sourceLanguage": "fr"},
        {"qualityTier": "standard"},
        {"status": "ended", "sourceLanguage": "fr"},
    ],
)
def test_an_ended_session_is_not_revived_or_rewritten_by_a_change(
    sessions: SessionUseCases, store: CountedStore, body: dict[str, str]
):
    opened = create(sessions)
    ended = sessions.delete(opened.id, speaker=ALICE, versions=None)

    with pytest.raises(SessionEnded):
        sessions.update(opened.id, SessionChange.parse(body).to_patch(), speaker=ALICE, versions=None)

    assert store.rows[opened.id] == ended


def test_two_changes_at_the_same_version_are_told_apart(sessions: SessionUseCases):
    opened = create(sessions)
    versions = frozenset({opened.version})
    sessions.update(opened.id, PAUSE, speaker=ALICE, versions=versions)

    with pytest.raises(VersionMismatch):
        sessions.update(opened.id, PAUSE, speaker=ALICE, versions=versions)


# end


def test_a_patch_to_ended_does_exactly_what_a_delete_does(clock: Clock):
    outcomes = []
    for how in ("patch", "delete"):
        store, metrics = MemorySessions(), CountedMetrics()
        store.rows[FIRST] = a_session(id=FIRST)
        sessions = SessionUseCases(store, metrics, lambda: NOW + 5000)
        for _ in range(2):
            if how == "patch":
                patch = SessionChange.parse({"status": "ended"}).to_patch()
                result = sessions.update(FIRST, patch, speaker=ALICE, versions=None)
            else:
                result = sessions.delete(FIRST, speaker=ALICE, versions=None)
        outcomes.append((result, store.rows, metrics.counted))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][2] == ["ended"]


def test_ending_twice_changes_and_counts_nothing_more(
    sessions: SessionUseCases, metrics: CountedMetrics, clock: Clock
):
    opened = create(sessions)
    first = sessions.delete(opened.id, speaker=ALICE, versions=None)
    clock.now += 1000

    second = sessions.delete(opened.id, speaker=ALICE, versions=None)

    assert second == first
    assert first.ended_at == NOW
    assert metrics.counted == ["created", "ended"]


def test_a_stranger_cannot_end_even_an_ended_session(sessions: SessionUseCases):
    opened = create(sessions)
    sessions.delete(opened.id, speaker=ALICE, versions=None)

    with pytest.raises(NotOwner, match="Not authorized to delete this session"):
        sessions.delete(opened.id, speaker=BOB, versions=None)


def test_an_ended_session_at_another_version_is_a_mismatch_before_all(sessions: SessionUseCases):
    opened = create(sessions)
    sessions.delete(opened.id, speaker=ALICE, versions=None)

    with pytest.raises(VersionMismatch):
        sessions.delete(opened.id, speaker=ALICE, versions=frozenset({opened.version}))
