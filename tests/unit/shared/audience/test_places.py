"""Counting places: what keeps a place, and that no count lowers them below what the listeners need."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.audience.connection import HANDSHAKE_S, Connection, SessionRef
from shared.audience.places import MAX_REMOVALS, CountPlaces
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.memory_stores import MemoryConnections, MemoryPlaces
from tests.support.sessions import NOW, NOW_S

if TYPE_CHECKING:
    from collections.abc import Callable

SESSION_ID = "blessed-shepherd-427"
SESSION = SessionRef(SESSION_ID, NOW)
EARLIER = NOW - 30 * 60 * 60 * 1000
AFTER_HANDSHAKE = NOW + HANDSHAKE_S * 1000


class Harness(MemoryConnections):
    """The use case over stores in memory, of which this is one. Seven places of SESSION are taken.

    `after_read` runs just after the rows were read.
    """

    def __init__(self, *rows: Connection, now: int = NOW) -> None:
        super().__init__(*rows)
        self.places = MemoryPlaces()
        self.now = now
        self.after_read: Callable[[], Any] = lambda: None
        for _ in range(7):
            self.take()

    def take(self) -> None:
        assert self.places.take(SESSION, limit=100, delete_at=NOW_S) is None

    def count(self) -> int:
        """Count SESSION, and return the places taken."""
        self.remaining = CountPlaces(self.places, self, lambda: self.now)(SESSION)
        return self.places.get(SESSION).taken

    def of_session(self, session_id: str) -> list[Connection]:
        rows = super().of_session(session_id)
        self.after_read()
        return rows


@pytest.mark.parametrize(
    ("row", "taken"),
    [
        (a_listener(), 1),
        (a_waiting_listener(expires_at=NOW_S + 1), 1),
        (a_waiting_listener(expires_at=NOW_S), 0),
        (a_listener(expires_at=NOW_S - 59), 1),
        (a_listener(expires_at=NOW_S - 60), 0),
        (a_speaker(), 0),
        (a_listener(session_created_at=EARLIER), 0),
        (a_listener(session_id="holy-psalm-100"), 0),
    ],
    ids=[
        "admitted",
        "waiting",
        "waiting and lapsed",
        "admitted and expired for less than a minute",
        "admitted and expired for a minute",
        "speaker",
        "of an earlier session",
        "of another session",
    ],
)
def test_live_listeners_of_the_session_keep_their_places_admitted_or_waiting(row: Connection, taken: int):
    assert Harness(row).count() == taken


def test_a_session_without_places_stays_so():
    harness = Harness(a_listener())
    harness.places.rows.clear()

    assert harness.count() == 0
    assert harness.places.rows == {}


def test_places_taken_are_never_raised():
    harness = Harness(*[a_listener(id=f"listener-{number}") for number in range(9)])

    assert harness.count() == 7


def test_places_stay_as_they_are_when_one_is_taken_during_the_count():
    harness = Harness(a_listener())
    harness.after_read = harness.take

    assert harness.count() == 8


def test_a_lapsed_row_is_deleted_so_that_its_join_cannot_admit_it():
    row = a_waiting_listener()
    harness = Harness(row, a_listener(id="other"), now=AFTER_HANDSHAKE)

    assert harness.count() == 1

    assert harness.remaining == [a_listener(id="other")]
    assert not harness.admit(row, NOW, NOW_S + 60)


def test_a_lapsed_row_that_is_admitted_during_the_count_keeps_its_place():
    row = a_waiting_listener()
    harness = Harness(row, now=AFTER_HANDSHAKE)
    harness.after_read = lambda: harness.admit(row, NOW, NOW_S + 60)

    assert harness.count() == 1

    assert list(harness.rows.values()) == [replace(row, admitted_at=NOW, expires_at=NOW_S + 60)]


def test_a_count_deletes_a_limited_number_of_lapsed_rows_and_the_others_keep_their_places():
    rows = [a_waiting_listener(id=f"listener-{number}") for number in range(MAX_REMOVALS + 7)]
    harness = Harness(*rows, now=AFTER_HANDSHAKE)
    for _ in range(MAX_REMOVALS):
        harness.take()

    assert [harness.count(), len(harness.rows), harness.count(), len(harness.rows)] == [7, 7, 0, 0]


def test_a_row_whose_join_was_refused_a_place_keeps_none():
    waiting = a_waiting_listener(id="refused", expires_at=NOW_S + 1)
    harness = Harness(waiting, a_listener())

    rows = CountPlaces(harness.places, harness, lambda: NOW)(SESSION, without_place="refused")

    assert harness.places.get(SESSION).taken == 1
    assert waiting in rows


def test_all_rows_that_remain_are_returned():
    rows = [a_listener(), a_speaker(), a_listener(id="earlier", session_created_at=EARLIER)]
    harness = Harness(*rows)

    harness.count()

    assert {row.id for row in harness.remaining} == {row.id for row in rows}
