"""Signed cursors: which positions they encode, and which cursors are rejected."""

import base64
import json

import pytest

from shared.errors import InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Position
from shared.sessions.session import Status
from tests.support.sessions import ALICE, BOB, NOW

CURSORS = SignedCursors("a-cursor-k3y")
POSITION = Position(NOW, "blessed-shepherd-427")
CURSOR = CURSORS.encode(POSITION, speaker=ALICE, status=None)


def is_rejected(cursor: str, *, speaker: str = ALICE, status: Status | None = None) -> bool:
    with pytest.raises(InvalidRequest) as error:
        CURSORS.decode(cursor, speaker=speaker, status=status)
    return [(field.field, field.message) for field in error.value.fields] == [
        ("cursor", "Invalid cursor. Start again without one")
    ]


@pytest.mark.parametrize("status", [None, *Status])
def test_an_encoded_position_can_be_decoded(status: Status | None):
    cursor = CURSORS.encode(POSITION, speaker=ALICE, status=status)

    assert CURSORS.decode(cursor, speaker=ALICE, status=status) == POSITION


@pytest.mark.parametrize(
    ("status", "signature"),
    [
        (None, "kfaIz5aB8z3Ra0uYa-LoB9O6aUgJDW9NREmGYeOVXXw"),
        (Status.PAUSED, "tDFGqvDRfNw1KTKPZkxZkOYAOuTrZoHJ68ipgNF0Aqw"),
    ],
)
def test_a_cursor_never_changes_between_releases(status: Status | None, signature: str):
    cursor = CURSORS.encode(POSITION, speaker=ALICE, status=status)

    assert cursor == f"WzE3ODQ5MTk4MzgzOTAsImJsZXNzZWQtc2hlcGhlcmQtNDI3Il0.{signature}"


def test_a_cursor_needs_no_escaping_in_a_url():
    assert set(CURSOR) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_a_cursor_of_another_speaker_is_rejected():
    assert is_rejected(CURSOR, speaker=BOB)


def test_a_cursor_of_another_status_is_rejected():
    assert is_rejected(CURSOR, status=Status.ACTIVE)
    assert is_rejected(CURSORS.encode(POSITION, speaker=ALICE, status=Status.PAUSED), status=Status.ACTIVE)


def test_the_boundary_between_speaker_and_status_matters():
    cursor = CURSORS.encode(POSITION, speaker="alice", status=Status.ACTIVE)

    assert is_rejected(cursor, speaker="alice\0active")


def test_a_cursor_with_another_position_or_signature_is_rejected():
    content, signature = CURSOR.split(".")
    other_position = json.dumps([NOW - 1, POSITION.session_id]).encode()
    other_content = base64.urlsafe_b64encode(other_position).decode().rstrip("=")
    other_signature = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")

    assert is_rejected(f"{other_content}.{signature}")
    assert is_rejected(f"{content}.{other_signature}")


def test_a_cursor_with_another_key_is_rejected():
    assert is_rejected(SignedCursors("another key").encode(POSITION, speaker=ALICE, status=None))


@pytest.mark.parametrize("signer", ["previous", "current", "next"])
def test_a_cursor_of_the_release_before_or_after_is_accepted(signer: str):
    cursor = SignedCursors(signer).encode(POSITION, speaker=ALICE, status=None)

    cursors = SignedCursors("current", also_accepted=("previous", "next"))

    assert cursors.decode(cursor, speaker=ALICE, status=None) == POSITION


def test_two_releases_accept_the_cursors_of_each_other_while_keys_are_rotated():
    old, new = SignedCursors("b", also_accepted=("a", "c")), SignedCursors("c", also_accepted=("b", "d"))

    from_old = old.encode(POSITION, speaker=ALICE, status=None)
    from_new = new.encode(POSITION, speaker=ALICE, status=None)

    assert from_old != from_new
    assert new.decode(from_old, speaker=ALICE, status=None) == POSITION
    assert old.decode(from_new, speaker=ALICE, status=None) == POSITION


def test_a_key_that_is_only_accepted_never_signs():
    cursors = SignedCursors("a-cursor-k3y", also_accepted=("previous", "next"))

    assert cursors.encode(POSITION, speaker=ALICE, status=None) == CURSOR


def test_a_cursor_that_another_release_made_is_bound_to_its_speaker_too():
    cursor = SignedCursors("previous").encode(POSITION, speaker=ALICE, status=None)

    with pytest.raises(InvalidRequest):
        SignedCursors("current", also_accepted=("previous",)).decode(cursor, speaker=BOB, status=None)


@pytest.mark.parametrize("index", range(0, len(CURSOR), 7))
def test_a_cursor_with_a_changed_character_is_rejected(index: int):
    other = "A" if CURSOR[index] != "A" else "B"

    assert is_rejected(CURSOR[:index] + other + CURSOR[index + 1 :])


@pytest.mark.parametrize(
    "cursor",
    ["", ".", "..", "x", "x.y", "a.b.c", CURSOR + "=", CURSOR + "\n", " " + CURSOR, "\u0661.\u0662"],
    ids=ascii,
)
def test_a_malformed_cursor_is_rejected(cursor: str):
    assert is_rejected(cursor)
