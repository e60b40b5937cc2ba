"""Connections: until when a row counts, and which session it belongs to."""

import pytest

from shared.audience.connection import Role, SessionRef, expiry
from shared.sessions.session import Session
from tests.support.connections import a_listener, a_speaker, a_waiting_listener
from tests.support.sessions import NOW, NOW_S, a_session


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
