"""Connections and admission: in any order of concurrent joins, exactly `limit` listeners are admitted."""

import itertools
from collections.abc import Generator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.audience.connection import (
    HANDSHAKE_S,
    LIFETIME_S,
    Admission,
    Role,
    SessionRef,
    admission,
    expiry,
)
from shared.audience.join import MAX_WAIT_MS
from shared.sessions.session import Session
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections
from tests.support.sessions import NOW, NOW_S, a_session

# concurrent joins


@dataclass
class JoinSimulation:
    """Listeners that join one session step by step, in any interleaving.

    `now` is the true time (epoch ms), from which each listener's clock differs.
    """

    limit: int
    store: MemoryConnections = field(default_factory=MemoryConnections)
    admitted: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    now: int = NOW

    def join(self, connection_id: str, skew_ms: int) -> Generator[None]:
        """Add a row, repeat the admission until it is decided, then admit or remove the row.

        Yields between the steps, so that other listeners take theirs. `skew_ms` is added to the true time.
        """
        candidate = a_waiting_listener(
            id=connection_id,
            joined_at=self.now + skew_ms,
            expires_at=(self.now + skew_ms) // 1000 + HANDSHAKE_S,
        )
        self.store.add(candidate)
        yield
        while True:
            rows = self.store.of_session(candidate.session_id)
            decision = admission(candidate, rows, self.limit, self.now + skew_ms)
            yield
            if decision is Admission.ADMITTED:
                assert self.store.admit(candidate, self.now + skew_ms, NOW_S + LIFETIME_S)
                self.admitted.add(connection_id)
                return
            if decision is Admission.FULL or self.now + skew_ms > candidate.joined_at + MAX_WAIT_MS:
                self.store.remove(candidate.session_id, candidate.id)
                self.refused.add(connection_id)
                return

    def run(self, joins: list[Generator[None]], schedule: list[int], *, step_ms: int = 1) -> None:
        """Take one step of a join for each entry of the schedule, then in turn until all have finished."""
        for turn in itertools.chain(schedule, itertools.count()):
            if not joins:
                return
            self.now += step_ms
            join = joins[turn % len(joins)]
            if next(join, "finished") == "finished":
                joins.remove(join)


@settings(max_examples=200)
@given(
    limit=st.integers(0, 4),
    skews=st.lists(st.integers(-900, 900), min_size=1, max_size=7),
    schedule=st.lists(st.integers(0, 6), max_size=40),
)
def test_exactly_the_limit_is_admitted_in_any_order_of_steps(
    limit: int, skews: list[int], schedule: list[int]
):
    simulation = JoinSimulation(limit)
    joins = [simulation.join(f"listener-{number}", skew_ms) for number, skew_ms in enumerate(skews)]

    simulation.run(joins, schedule)

    assert len(simulation.admitted) == min(len(skews), limit)
    assert len(simulation.refused) == len(skews) - len(simulation.admitted)
    assert {row.id for row in simulation.store.of_session("blessed-shepherd-427")} == simulation.admitted


@settings(max_examples=200)
@given(
    limit=st.integers(1, 3),
    skews=st.lists(st.integers(-900, 900), min_size=1, max_size=6),
    schedule=st.lists(st.integers(0, 5), max_size=30),
    crashed=st.sets(st.integers(0, 5), min_size=1),
)
def test_crashed_joins_never_admit_too_many_and_block_places_only_during_the_handshake(
    limit: int, skews: list[int], schedule: list[int], crashed: set[int]
):
    simulation = JoinSimulation(limit)
    joins = [simulation.join(f"listener-{number}", skew_ms) for number, skew_ms in enumerate(skews)]
    for number, join in enumerate(list(joins)):
        if number in crashed:
            next(join)  # adds its row only
            joins.remove(join)
    simulation.run(joins, schedule, step_ms=60)
    assert len(simulation.admitted) <= limit

    simulation.now = NOW + (HANDSHAKE_S + 1) * 1000
    simulation.run([simulation.join(f"later-{number}", 0) for number in range(limit)], [])

    assert len(simulation.admitted) == limit


def test_of_two_listeners_that_write_before_either_reads_the_first_is_admitted():
    simulation = JoinSimulation(limit=1)
    first, second = simulation.join("a", 0), simulation.join("b", 0)

    simulation.run([first, second], [0, 1, 1, 1, 0, 0])

    assert (simulation.admitted, simulation.refused) == ({"a"}, {"b"})


def test_a_later_listener_with_a_slow_clock_does_not_displace_an_admitted_one():
    simulation = JoinSimulation(limit=1)
    simulation.run([simulation.join("a", 900)], [])

    simulation.run([simulation.join("b", -900)], [])

    assert (simulation.admitted, simulation.refused) == ({"a"}, {"b"})


# admission


@pytest.mark.parametrize(("others", "expected"), [(0, "admitted"), (1, "admitted"), (2, "full"), (3, "full")])
def test_a_listener_is_admitted_if_there_are_at_most_limit_rows(others: int, expected: str):
    candidate = a_waiting_listener(id="candidate", joined_at=NOW + 1)
    admitted = [a_listener(id=f"other-{number}") for number in range(others)]

    assert admission(candidate, [*admitted, candidate], 2, NOW + 1) == expected


def test_speakers_do_not_count_as_listeners():
    candidate = a_waiting_listener(id="candidate")
    speakers = [a_speaker(id="s1"), a_speaker(id="s2")]

    assert admission(candidate, [*speakers, candidate], 1, NOW) is Admission.ADMITTED


def test_the_first_waiting_listener_waits_until_those_behind_it_leave():
    first = a_waiting_listener(id="a", joined_at=NOW)
    second = a_waiting_listener(id="b", joined_at=NOW + 1)

    assert admission(first, [first, second], 1, NOW + 2) is Admission.WAITING
    assert admission(second, [first, second], 1, NOW + 2) is Admission.FULL
    assert admission(first, [first], 1, NOW + 3) is Admission.ADMITTED


def test_listeners_of_the_same_millisecond_are_ordered_by_id():
    a, b = a_waiting_listener(id="a"), a_waiting_listener(id="b")

    assert [admission(candidate, [a, b], 1, NOW) for candidate in (a, b)] == [
        Admission.WAITING,
        Admission.FULL,
    ]


@pytest.mark.parametrize(
    ("elapsed_ms", "expected"), [(11_999, Admission.WAITING), (12_000, Admission.ADMITTED)]
)
def test_the_row_of_a_crashed_join_counts_until_the_handshake_has_expired(
    elapsed_ms: int, expected: Admission
):
    crashed = a_waiting_listener(id="crashed", joined_at=NOW_S * 1000, expires_at=NOW_S + HANDSHAKE_S)
    candidate = a_waiting_listener(id="a", joined_at=NOW_S * 1000 - 1, expires_at=NOW_S + 60)

    assert admission(candidate, [crashed, candidate], 1, NOW_S * 1000 + elapsed_ms) is expected


def test_no_listener_is_admitted_with_a_limit_of_zero():
    candidate = a_waiting_listener()

    assert admission(candidate, [candidate], 0, NOW) is Admission.FULL


# rows


def test_a_row_expires_with_its_session():
    assert expiry(a_session(expires_at=NOW_S + 60), NOW) == NOW_S + 60


def test_a_row_expires_ten_minutes_after_api_gateway_closes_the_connection():
    assert expiry(a_session(expires_at=NOW_S + 24 * 60 * 60), NOW) == NOW_S + 2 * 60 * 60 + 10 * 60


@pytest.mark.parametrize(("seconds_left", "live"), [(1, True), (0, False), (-1, False)])
def test_a_row_is_live_until_it_expires(seconds_left: int, live: bool):
    assert a_listener(expires_at=NOW_S + seconds_left).live(NOW) is live


@pytest.mark.parametrize(("elapsed_ms", "handshaking"), [(0, True), (11_999, True), (12_000, False)])
def test_a_connection_is_handshaking_for_twelve_seconds(elapsed_ms: int, handshaking: bool):
    assert a_waiting_listener(joined_at=NOW).handshaking(NOW + elapsed_ms) is handshaking


@pytest.mark.parametrize(
    ("session", "belongs"),
    [
        (a_session(), True),
        (a_session(created_at=NOW + 1), False),
        (a_session(created_at=NOW - 1), False),
        (a_session(id="holy-psalm-100"), False),
    ],
    ids=["its session", "a later one with the same id", "an earlier one with the same id", "another id"],
)
def test_a_connection_belongs_to_the_session_with_its_id_and_creation_time(session: Session, belongs: bool):
    assert a_listener().belongs_to(session) is belongs


def test_a_connection_refers_to_its_session_by_id_and_creation_time():
    rows = [
        a_listener(id="a"),
        a_listener(id="b"),
        a_listener(session_created_at=NOW - 1),
        a_listener(session_id="holy-psalm-100"),
    ]

    assert [row.session for row in rows] == [
        SessionRef("blessed-shepherd-427", NOW),
        SessionRef("blessed-shepherd-427", NOW),
        SessionRef("blessed-shepherd-427", NOW - 1),
        SessionRef("holy-psalm-100", NOW),
    ]


def test_a_speakers_connection_has_no_target_language():
    assert (a_speaker().role, a_speaker().target_language) == (Role.SPEAKER, None)
