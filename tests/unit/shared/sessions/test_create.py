"""Creating a session: its fields, clashes of ids, and requests repeated with an idempotency key."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from shared.errors import IdempotencyKeyReused, ServiceUnavailable
from shared.sessions import ids
from shared.sessions.create import CLASH_TRIES_MS
from shared.sessions.requests import NewSession
from shared.sessions.session import Language, QualityTier, Session, SessionPatch, Status
from tests.support.clock import Clock
from tests.support.sessions import ALICE, BOB, NOW_S, a_session
from tests.support.use_cases import RecordedMetrics, RecordedSessions, SessionUseCases

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


def candidates(key: str) -> Iterator[str]:
    """Yield the ids that Alice's requests with this key try."""
    return ids.candidates(3, ids.draw_by_key(ALICE, key))


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


def test_no_further_id_is_tried_when_the_store_is_slow(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock
):
    take_ids(store, *ids.candidates(3, lambda attempt, _n: attempt))
    clock.step = CLASH_TRIES_MS + 1

    with pytest.raises(ServiceUnavailable):
        create(use_cases)

    assert store.calls == ["add"]


def test_a_further_id_is_tried_within_the_time_for_tries(
    use_cases: SessionUseCases, store: RecordedSessions, clock: Clock
):
    take_ids(store, FIRST_ID)
    clock.step = CLASH_TRIES_MS

    assert create(use_cases).id == SECOND_ID


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


def test_another_speakers_session_on_the_first_id_of_a_key_is_a_clash_and_not_a_replay(
    use_cases: SessionUseCases, store: RecordedSessions, metrics: RecordedMetrics
):
    first, second, *_ = candidates("k1")
    take_ids(store, first)

    created = create(use_cases, key="k1")
    replay = create(use_cases, key="k1")

    assert created.id == replay.id == second
    assert metrics.counted == ["clash", "created", "clash"]


@pytest.mark.parametrize(("speaker", "key"), [(BOB, "k1"), (ALICE, "k2")], ids=["speaker", "key"])
def test_a_session_of_another_speaker_or_key_is_never_returned(
    use_cases: SessionUseCases, store: RecordedSessions, speaker: str, key: str
):
    other = create(use_cases, speaker=speaker, key=key)
    first, second, *_ = candidates("k1")
    store.rows = {first: replace(other, id=first)}

    assert create(use_cases, key="k1").id == second


def test_a_session_created_without_a_key_is_never_returned_for_one(
    use_cases: SessionUseCases, store: RecordedSessions
):
    first, second, *_ = candidates("k1")
    store.rows[first] = a_session(id=first)

    assert create(use_cases, key="k1").id == second


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


def test_the_boundary_between_speaker_and_key_matters(use_cases: SessionUseCases):
    first = create(use_cases, speaker="alice", key="1bob")
    second = create(use_cases, speaker="alice1", key="bob")

    assert first.id != second.id
    assert first.idempotency_key_digest != second.idempotency_key_digest


def test_the_key_is_stored_as_a_digest(use_cases: SessionUseCases):
    session = create(use_cases, key="order-1234")

    assert "order-1234" not in str(session)


def test_ids_and_digests_of_a_key_never_change_between_releases(use_cases: SessionUseCases):
    session = create(use_cases, key="order-1234")

    assert session.id == "pure-disciple-925"
    assert (
        session.idempotency_key_digest == "fdc391142eb944d784eb5b494e3fbb874bf9e483e829f0068c73f9cf285bcd12"
    )
    assert session.request_digest == "b745f5403447c79b67a9d2db621a5539995be2dd20c5777789b82d6899dfd5ce"
