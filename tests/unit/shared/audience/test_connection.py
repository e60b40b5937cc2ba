"""Admission: whatever the order of the writes and reads of many, never too many come in, and none too few."""

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
    Connection,
    Role,
    admission,
    expiry,
)
from shared.audience.join import MAX_WAIT_MS
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections
from tests.support.sessions import NOW, NOW_S, a_session

# A joiner as steps, any of which may come long after the one before


@dataclass
class Door:
    """A session that several listeners want to join; `now` is what a perfect clock shows."""

    limit: int
    rows: MemoryConnections = field(default_factory=MemoryConnections)
    inside: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    now: int = NOW

    def joiner(self, name: str, skew_ms: int) -> Generator[None]:
        """Add a row, ask where one stands until that is decided, and come in or take the row back."""
        mine = a_waiting_listener(
            id=name,
            joined_at=self.now + skew_ms,
            expires_at=(self.now + skew_ms) // 1000 + HANDSHAKE_S,
        )
        self.rows.add(mine)
        yield
        while True:
            place = admission(mine, self.rows.of_session(mine.session_id), self.limit, self.now + skew_ms)
            yield
            if place is Admission.ADMITTED:
                assert self.rows.admit(mine, self.now + skew_ms, NOW_S + LIFETIME_S)
                self.inside.add(name)
                return
            if place is Admission.FULL or self.now + skew_ms > mine.joined_at + MAX_WAIT_MS:
                self.rows.remove(mine.session_id, mine.id)
                self.refused.add(name)
                return


def admit_all(door: Door, joiners: list[Generator[None]], schedule: list[int], *, ms: int = 1) -> None:
    """Let the joiners go on in the order of the schedule, and then in turn until each is in or refused."""
    for turn in itertools.chain(schedule, itertools.count()):
        if not joiners:
            return
        door.now += ms
        chosen = joiners[turn % len(joiners)]
        if next(chosen, "over") == "over":
            joiners.remove(chosen)


@settings(max_examples=200)
@given(
    limit=st.integers(0, 4),
    skews=st.lists(st.integers(-900, 900), min_size=1, max_size=7),
    schedule=st.lists(st.integers(0, 6), max_size=40),
)
def test_as_many_come_in_as_there_is_room_for_and_never_one_more(
    limit: int, skews: list[int], schedule: list[int]
):
    door = Door(limit)
    joiners = [door.joiner(f"listener-{number}", skew_ms) for number, skew_ms in enumerate(skews)]

    admit_all(door, joiners, schedule)

    assert len(door.inside) == min(len(skews), limit)
    assert len(door.refused) == len(skews) - len(door.inside)
    assert {row.id for row in door.rows.of_session("blessed-shepherd-427")} == door.inside


@settings(max_examples=200)
@given(
    limit=st.integers(1, 3),
    skews=st.lists(st.integers(-900, 900), min_size=1, max_size=6),
    schedule=st.lists(st.integers(0, 5), max_size=30),
    crashed=st.sets(st.integers(0, 5), min_size=1),
)
def test_with_crashes_there_may_be_fewer_for_a_while_and_never_more(
    limit: int, skews: list[int], schedule: list[int], crashed: set[int]
):
    door = Door(limit)
    joiners = [door.joiner(f"listener-{number}", skew_ms) for number, skew_ms in enumerate(skews)]
    for number, joiner in enumerate(list(joiners)):
        if number in crashed:
            next(joiner)  # it adds its row, and nothing more
            joiners.remove(joiner)
    admit_all(door, joiners, schedule, ms=60)
    assert len(door.inside) <= limit

    door.now = NOW + (HANDSHAKE_S + 1) * 1000
    admit_all(door, [door.joiner(f"later-{number}", 0) for number in range(limit)], [])

    assert len(door.inside) == limit


def test_two_who_write_before_either_reads_are_told_apart():
    door = Door(limit=1)
    first, second = door.joiner("a", 0), door.joiner("b", 0)

    admit_all(door, [first, second], [0, 1, 1, 1, 0, 0])

    assert (door.inside, door.refused) == ({"a"}, {"b"})


def test_a_late_comer_whose_clock_is_slow_does_not_overtake_who_is_in():
    door = Door(limit=1)
    admit_all(door, [door.joiner("a", 900)], [])

    admit_all(door, [door.joiner("b", -900)], [])

    assert (door.inside, door.refused) == ({"a"}, {"b"})


# standing


def crowd(*rows: Connection) -> list[Connection]:
    return list(rows)


@pytest.mark.parametrize(("others", "expected"), [(0, "admitted"), (1, "admitted"), (2, "full"), (3, "full")])
def test_who_sees_no_more_than_the_limit_comes_in(others: int, expected: str):
    mine = a_waiting_listener(id="me", joined_at=NOW + 1)
    present = [a_listener(id=f"other-{number}") for number in range(others)]

    assert admission(mine, [*present, mine], 2, NOW + 1) == expected


def test_speakers_take_no_listeners_place():
    mine = a_waiting_listener(id="me")

    assert admission(mine, [a_speaker(id="s1"), a_speaker(id="s2"), mine], 1, NOW) is Admission.ADMITTED


def test_the_first_in_line_waits_for_those_behind_to_leave():
    first, second = a_waiting_listener(id="a", joined_at=NOW), a_waiting_listener(id="b", joined_at=NOW + 1)

    assert admission(first, [first, second], 1, NOW + 2) is Admission.WAITING
    assert admission(second, [first, second], 1, NOW + 2) is Admission.FULL
    assert admission(first, [first], 1, NOW + 3) is Admission.ADMITTED


def test_two_of_the_same_millisecond_stand_in_the_order_of_their_ids():
    a, b = a_waiting_listener(id="a"), a_waiting_listener(id="b")

    assert [admission(mine, [a, b], 1, NOW) for mine in (a, b)] == [Admission.WAITING, Admission.FULL]


@pytest.mark.parametrize(("ms", "expected"), [(11_999, Admission.WAITING), (12_000, Admission.ADMITTED)])
def test_who_died_at_the_door_is_in_the_way_for_the_handshake_at_most(ms: int, expected: Admission):
    dead = a_waiting_listener(id="dead", joined_at=NOW_S * 1000, expires_at=NOW_S + HANDSHAKE_S)
    mine = a_waiting_listener(id="a", joined_at=NOW_S * 1000 - 1, expires_at=NOW_S + 60)

    assert admission(mine, [dead, mine], 1, NOW_S * 1000 + ms) is expected


def test_nobody_comes_in_where_no_listener_is_allowed():
    mine = a_waiting_listener()

    assert admission(mine, [mine], 0, NOW) is Admission.FULL


# rows


def test_a_row_is_of_use_until_the_session_ends():
    assert expiry(a_session(expires_at=NOW_S + 60), NOW) == NOW_S + 60


def test_a_row_is_of_use_until_api_gateway_has_closed_the_connection():
    assert expiry(a_session(expires_at=NOW_S + 24 * 60 * 60), NOW) == NOW_S + 2 * 60 * 60 + 10 * 60


@pytest.mark.parametrize(("seconds_left", "live"), [(1, True), (0, False), (-1, False)])
def test_a_row_counts_until_its_last_second(seconds_left: int, live: bool):
    assert a_listener(expires_at=NOW_S + seconds_left).live(NOW) is live


@pytest.mark.parametrize(("ms", "handshaking"), [(0, True), (11_999, True), (12_000, False)])
def test_a_connection_may_still_be_coming_up_for_the_handshake_and_no_longer(ms: int, handshaking: bool):
    assert a_waiting_listener(joined_at=NOW).handshaking(NOW + ms) is handshaking


@pytest.mark.parametrize(
    ("session", "belongs"),
    [
        (a_session(), True),
        (a_session(created_at=NOW + 1), False),
        (a_session(created_at=NOW - 1), False),
        (a_session(id="holy-psalm-100"), False),
    ],
    ids=["its own", "a newer one", "an older one", "another"],
)
def test_a_connection_belongs_to_one_session_and_not_to_another_of_the_same_id(session, belongs: bool):
    assert a_listener().belongs_to(session) is belongs


def test_a_speakers_row_has_no_language():
    assert (a_speaker().role, a_speaker().target_language) == (Role.SPEAKER, None)
