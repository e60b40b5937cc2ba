"""Creating a session: its fields, clashes of ids, idempotency keys, conflicts and the limit of sessions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.deadline import BUDGET_MS
from shared.errors import IdempotencyKeyReused, RateLimited, ServiceUnavailable, WriteConflict
from shared.sessions import ids
from shared.sessions.create import FIRST_WAIT_MS, LONGEST_WAIT_MS
from shared.sessions.requests import NewSession
from shared.sessions.session import Language, QualityTier, Session, SessionPatch, Status
from tests.support.clock import Clock
from tests.support.memory_stores import MemoryKeys, MemoryRateLimits
from tests.support.sessions import ALICE, BOB, NOW, NOW_S, a_session
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases, a_limit

DAY_S = 24 * 60 * 60
GRACE_S = 3 * 60 * 60
ENGLISH = NewSession.parse({"sourceLanguage": "en"})
FRENCH = NewSession.parse({"sourceLanguage": "fr"})
PAUSE = SessionPatch(status=Status.PAUSED)
FIRST_ID = "blessed-shepherd-100"
SECOND_ID = "faithful-shepherd-100"


def create(
    use_cases: SessionUseCases, request: NewSession = ENGLISH, *, speaker: str = ALICE, key: str | None = None
) -> Session:
    return use_cases.create(request, speaker=speaker, key=key)


def take_ids(store: RecordedSessions, *session_ids: str, expires_at: int = NOW_S + DAY_S) -> None:
    """Store sessions of Bob with these ids."""
    for session_id in session_ids:
        store.rows[session_id] = a_session(id=session_id, speaker=BOB, expires_at=expires_at)


def test_a_new_session_is_active_has_no_listeners_and_expires_after_24_hours(use_cases: SessionUseCases):
    session = create(use_cases, NewSession.parse({"sourceLanguage": "fr", "qualityTier": "premium"}))

    assert session == a_session(
        id=FIRST_ID,
        source_language=Language.FRENCH,
        quality_tier=QualityTier.PREMIUM,
        expires_at=NOW_S + DAY_S,
    )


def test_creating_a_session_is_one_write_and_counted_once(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics
):
    session = create(use_cases)

    assert (store.calls, metrics.counted) == (["add"], ["created"])
    assert metrics.sessions == [session]


def test_without_a_key_every_request_creates_another_session(
    store: RecordedSessions, metrics: RecordedMetrics, clock: Clock
):
    use_cases = SessionUseCases(store, metrics, clock, digits=9)

    session_ids = {create(use_cases).id for _ in range(20)}

    assert len(session_ids) == 20


# clashes of ids


def test_a_taken_id_is_left_alone_the_next_one_is_tried_and_the_clash_is_counted(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics
):
    take_ids(store, FIRST_ID)

    session = create(use_cases)

    assert session.id == SECOND_ID
    assert store.rows[FIRST_ID].speaker == BOB
    assert metrics.counted == ["clash", "created"]


def test_after_five_clashes_the_service_is_unavailable(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics
):
    take_ids(store, *ids.candidates(3, lambda attempt, _n: attempt))

    with pytest.raises(ServiceUnavailable):
        create(use_cases)

    assert metrics.counted == ["clash"] * 5
    assert {session.speaker for session in store.rows.values()} == {BOB}


def test_no_further_id_is_tried_when_the_time_is_over(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock
):
    take_ids(store, *ids.candidates(3, lambda attempt, _n: attempt))
    clock.step = BUDGET_MS  # of each reading

    with pytest.raises(ServiceUnavailable):
        create(use_cases)

    assert store.calls == ["add"]


@pytest.mark.parametrize(
    ("expired_s_ago", "reused"),
    [(-1, False), (0, False), (GRACE_S, False), (GRACE_S + 1, True)],
)
def test_an_id_is_reused_three_hours_after_its_session_has_expired(
    use_cases: SessionUseCases, store: RecordedSessions, expired_s_ago: int, reused: bool
):
    take_ids(store, FIRST_ID, expires_at=NOW_S - expired_s_ago)

    session = create(use_cases)

    assert (session.id == FIRST_ID) is reused


def test_versions_of_a_reused_id_are_higher_than_those_of_the_old_session(
    use_cases: SessionUseCases, clock: Clock
):
    old = create(use_cases)
    for _ in range(50):
        old = use_cases.update(old.id, PAUSE, speaker=ALICE, versions=None)
    clock.now = (old.expires_at + GRACE_S + 1) * 1000

    new = create(use_cases)

    assert new.id == old.id
    assert new.version > old.version


# idempotency keys


def test_a_repeated_request_with_the_same_key_returns_the_first_session(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics, clock: Clock
):
    first = create(use_cases, key="k1")
    clock.now += 60_000

    replays = [create(use_cases, key="k1") for _ in range(3)]

    assert replays == [first] * 3
    assert list(store.rows.values()) == [first]
    assert metrics.counted == ["created"]


def test_a_replay_returns_the_sessions_current_state(use_cases: SessionUseCases):
    first = create(use_cases, key="k1")
    paused = use_cases.update(first.id, PAUSE, speaker=ALICE, versions=None)

    assert create(use_cases, key="k1") == paused


def test_an_explicit_default_is_the_same_request(use_cases: SessionUseCases):
    first = create(use_cases, key="k1")

    explicit = NewSession.parse({"qualityTier": "standard", "sourceLanguage": "en"})

    assert create(use_cases, explicit, key="k1") == first


@pytest.mark.parametrize(
    "other_request", [FRENCH, NewSession.parse({"sourceLanguage": "en", "qualityTier": "premium"})]
)
def test_the_same_key_with_another_request_is_refused(
    use_cases: SessionUseCases, store: RecordedSessions, other_request: NewSession
):
    first = create(use_cases, key="k1")

    with pytest.raises(IdempotencyKeyReused):
        create(use_cases, other_request, key="k1")

    assert list(store.rows.values()) == [first]


def test_another_speaker_with_the_same_key_creates_another_session(use_cases: SessionUseCases):
    first = create(use_cases, key="k1")
    second = create(use_cases, key="k1", speaker=BOB)

    assert (first.speaker, second.speaker) == (ALICE, BOB)
    assert first.id != second.id


def test_another_speakers_session_on_the_first_id_is_a_clash_and_not_a_replay(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics
):
    take_ids(store, FIRST_ID)

    created = create(use_cases, key="k1")
    replay = create(use_cases, key="k1")

    assert created.id == replay.id == SECOND_ID
    assert metrics.counted == ["clash", "created"]


def test_a_key_is_exact_also_when_the_ids_before_its_own_are_free_again(
    use_cases: SessionUseCases, store: RecordedSessions
):
    take_ids(store, FIRST_ID)
    created = create(use_cases, key="k1")
    del store.rows[FIRST_ID]

    assert create(use_cases, key="k1") == created
    assert list(store.rows.values()) == [created]


@pytest.mark.parametrize(("speaker", "key"), [(BOB, "k1"), (ALICE, "k2")], ids=["speaker", "key"])
def test_a_session_of_another_speaker_or_key_is_never_returned(
    use_cases: SessionUseCases, speaker: str, key: str
):
    create(use_cases, speaker=speaker, key=key)

    assert create(use_cases, key="k1").id == SECOND_ID


def test_a_session_created_without_a_key_is_never_returned_for_one(use_cases: SessionUseCases):
    create(use_cases)

    assert create(use_cases, key="k1").id == SECOND_ID


def test_a_new_session_takes_one_write_and_a_replay_one_write_and_one_read(
    use_cases: SessionUseCases, store: RecordedSessions
):
    create(use_cases, key="k1")
    first = list(store.calls)
    create(use_cases, key="k1")

    assert (first, store.calls) == (["add"], ["add", "get"])


def test_an_expired_session_is_not_returned_for_its_key(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock
):
    first = create(use_cases, key="k1")
    clock.now = first.expires_at * 1000

    second = create(use_cases, key="k1")

    assert second.id != first.id
    assert second.live(clock.now)
    assert store.rows[first.id] == first


def test_the_key_of_an_expired_session_can_be_reused_with_another_request(
    use_cases: SessionUseCases, clock: Clock
):
    first = create(use_cases, key="k1")
    clock.now = first.expires_at * 1000

    assert create(use_cases, FRENCH, key="k1").source_language is Language.FRENCH


def test_the_boundary_between_speaker_and_key_matters(use_cases: SessionUseCases, keys: MemoryKeys):
    first = create(use_cases, speaker="alice", key="1bob")
    second = create(use_cases, speaker="alice1", key="bob")

    assert first.id != second.id
    assert len(keys.rows) == 2


def test_a_key_is_stored_as_digests_that_never_change_between_releases(
    use_cases: SessionUseCases, keys: MemoryKeys
):
    session = create(use_cases, key="order-1234")

    (row,) = keys.rows.values()
    assert row.digest == "fdc391142eb944d784eb5b494e3fbb874bf9e483e829f0068c73f9cf285bcd12"
    assert row.request_digest == "b745f5403447c79b67a9d2db621a5539995be2dd20c5777789b82d6899dfd5ce"
    assert len(row.write_id) == 16
    assert (row.session_id, row.session_created_at) == (session.id, session.created_at)
    assert row.expires_at == session.expires_at
    assert "order-1234" not in f"{row}{session}"


# conflicts of transactions


class Conflicts:
    """Raises WriteConflict from the first `count` calls of a method, before or after they are applied."""

    def __init__(
        self, patch: pytest.MonkeyPatch, store: Any, method: str, count: int, *, applied: bool
    ) -> None:
        self.arguments: list[Any] = []
        call = getattr(store, method)

        def conflict(*args: Any, **kwargs: Any) -> Any:
            self.arguments.append(args[0])
            if len(self.arguments) > count:
                return call(*args, **kwargs)
            if applied:
                call(*args, **kwargs)
            raise WriteConflict

        patch.setattr(store, method, conflict)


Conflict = Callable[..., Conflicts]
ENDLESS = 10**6


@pytest.fixture
def conflict(monkeypatch: pytest.MonkeyPatch) -> Conflict:
    """Return a function that makes calls fail: conflict(store, method, count, applied=False)."""

    def conflict(store: Any, method: str, count: int, *, applied: bool = False) -> Conflicts:
        return Conflicts(monkeypatch, store, method, count, applied=applied)

    return conflict


@pytest.mark.parametrize("key", ["k1", None], ids=["with a key", "without a key"])
def test_a_create_that_meets_conflicts_is_repeated_until_it_succeeds(
    use_cases: SessionUseCases,
    store: RecordedSessions,
    keys: MemoryKeys,
    metrics: RecordedMetrics,
    uses: MemoryRateLimits,
    conflict: Conflict,
    key: str | None,
):
    conflicts = conflict(keys, "add_with_key", 3) if key else conflict(store, "add", 3)

    session = create(use_cases, key=key)

    assert conflicts.arguments == [session] * 4
    assert list(store.rows.values()) == [session]
    assert metrics.counted == ["created"]
    assert list(uses.uses.values()) == [1]


def test_waits_are_random_and_at_most_twice_as_long_after_each_conflict_up_to_a_second(
    store: RecordedSessions, metrics: RecordedMetrics, clock: Clock, conflict: Conflict
):
    waits: list[float] = []
    keys = MemoryKeys(store)
    conflict(keys, "add_with_key", 200)

    create(SessionUseCases(store, metrics, clock, keys=keys, sleep=waits.append), key="k1")

    longest = [min(FIRST_WAIT_MS * 2**n, LONGEST_WAIT_MS) / 1000 for n in range(200)]
    assert longest[:6] == [0.05, 0.1, 0.2, 0.4, 0.8, 1]
    assert all(0 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len(set(waits)) > 100
    assert max(waits) > 0.8


@pytest.mark.parametrize(
    ("method", "key"), [("add_with_key", "k1"), ("add", None)], ids=["with a key", "without a key"]
)
def test_with_endless_conflicts_the_service_is_unavailable_within_the_time(
    use_cases: SessionUseCases,
    store: RecordedSessions,
    keys: MemoryKeys,
    uses: MemoryRateLimits,
    clock: Clock,
    conflict: Conflict,
    method: str,
    key: str | None,
):
    conflicts = conflict(keys if key else store, method, ENDLESS)

    with pytest.raises(ServiceUnavailable) as raised:
        create(use_cases, key=key)

    assert type(raised.value) is ServiceUnavailable
    assert BUDGET_MS <= clock.now - NOW < BUDGET_MS + LONGEST_WAIT_MS
    assert len(conflicts.arguments) > 5
    assert list(uses.uses.values()) == [0]


def test_a_session_that_a_conflicting_try_has_written_is_new_and_not_a_replay(
    use_cases: SessionUseCases,
    keys: MemoryKeys,
    metrics: RecordedMetrics,
    uses: MemoryRateLimits,
    conflict: Conflict,
):
    conflict(keys, "add_with_key", 1, applied=True)

    session = create(use_cases, key="k1")

    assert session.id == FIRST_ID
    assert metrics.counted == ["created"]
    assert list(uses.uses.values()) == [1]


def test_a_key_that_is_there_before_its_session_is_waited_for(
    use_cases: SessionUseCases, store: RecordedSessions, monkeypatch: pytest.MonkeyPatch
):
    first = create(use_cases, key="k1")
    reads = [None, replace(first, created_at=first.created_at - 1), first]
    monkeypatch.setattr(store, "get", lambda _: reads.pop(0))

    assert create(use_cases, key="k1") == first
    assert reads == []


def test_a_key_whose_session_never_appears_is_service_unavailable(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock
):
    create(use_cases, key="k1")
    store.rows.clear()

    with pytest.raises(ServiceUnavailable):
        create(use_cases, key="k1")

    assert BUDGET_MS <= clock.now - NOW < BUDGET_MS + LONGEST_WAIT_MS
    assert store.rows == {}


# the limit of sessions per speaker


def use_up(use_cases: SessionUseCases, clock: Clock, *, keyed: str) -> Session:
    """Create a session with a key, and as many others as the limit allows."""
    session = create(use_cases, key=keyed)
    use_cases.create._limit.store.uses[f"sessions#{ALICE}#{clock.now // 3_600_000}"] = 50
    return session


def test_only_new_sessions_count(use_cases: SessionUseCases, uses: MemoryRateLimits):
    for _ in range(60):
        create(use_cases, key="k1")
        with pytest.raises(IdempotencyKeyReused):
            create(use_cases, FRENCH, key="k1")

    assert list(uses.uses.values()) == [1]


@pytest.mark.parametrize("error", [ServiceUnavailable, WriteConflict, RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("key", ["k1", None], ids=["with a key", "without a key"])
def test_a_create_that_fails_does_not_count_whatever_has_failed(
    use_cases: SessionUseCases,
    store: RecordedSessions,
    keys: MemoryKeys,
    uses: MemoryRateLimits,
    error: type[BaseException],
    key: str | None,
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(keys, "add_with_key", fail)
    monkeypatch.setattr(store, "add", fail)
    for _ in range(60):
        with pytest.raises((error, ServiceUnavailable)):
            create(use_cases, key=key)
    monkeypatch.undo()

    assert list(uses.uses.values()) == [0]
    assert create(use_cases, key=key).speaker == ALICE


def test_five_clashes_do_not_count(
    use_cases: SessionUseCases, store: RecordedSessions, uses: MemoryRateLimits
):
    take_ids(store, *ids.candidates(3, lambda attempt, _n: attempt))

    with pytest.raises(ServiceUnavailable):
        create(use_cases, key="k1")

    assert list(uses.uses.values()) == [0]


def test_beyond_the_limit_a_replay_is_answered_all_the_same(
    use_cases: SessionUseCases, uses: MemoryRateLimits, clock: Clock
):
    first = use_up(use_cases, clock, keyed="k1")

    assert [create(use_cases, key="k1") for _ in range(3)] == [first] * 3
    assert list(uses.uses.values()) == [50]


@pytest.mark.parametrize(
    ("request_", "key"),
    [(ENGLISH, None), (ENGLISH, "k2"), (FRENCH, "k1")],
    ids=["no key", "new key", "other body"],
)
def test_beyond_the_limit_every_other_request_is_refused(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock, request_: NewSession, key: str | None
):
    first = use_up(use_cases, clock, keyed="k1")

    with pytest.raises(RateLimited):
        create(use_cases, request_, key=key)

    assert list(store.rows.values()) == [first]


def test_beyond_the_limit_an_expired_key_is_refused(use_cases: SessionUseCases, clock: Clock):
    first = create(use_cases, key="k1")
    clock.now = first.expires_at * 1000
    use_up(use_cases, clock, keyed="k2")

    with pytest.raises(RateLimited):
        create(use_cases, key="k1")


def test_a_use_is_given_back_in_the_hour_in_which_it_was_counted(
    use_cases: SessionUseCases, keys: MemoryKeys, uses: MemoryRateLimits, clock: Clock, conflict: Conflict
):
    hour = NOW // 3_600_000
    clock.now = (hour + 1) * 3_600_000 - 1
    conflict(keys, "add_with_key", ENDLESS)  # until the next hour

    with pytest.raises(ServiceUnavailable):
        create(use_cases, key="k1")

    assert uses.uses == {f"sessions#{ALICE}#{hour}": 0}


def test_a_use_that_cannot_be_given_back_changes_no_response(
    store: RecordedSessions, metrics: RecordedMetrics, clock: Clock
):
    class Stubborn(MemoryRateLimits):
        def give_back(self, key: str) -> None:
            raise ServiceUnavailable

    uses, reports = Stubborn(), list[str]()
    limit = a_limit(clock, 50, store=uses, on_unavailable=lambda: reports.append("unavailable"))
    use_cases = SessionUseCases(store, metrics, clock, limit=limit)
    first = create(use_cases, key="k1")

    assert create(use_cases, key="k1") == first
    with pytest.raises(IdempotencyKeyReused):
        create(use_cases, FRENCH, key="k1")
    assert reports == ["unavailable"] * 2
    assert list(uses.uses.values()) == [3]
