"""Cursors: kept and sent back, neither made nor lent."""

import base64
import json

import pytest

from shared.errors import InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Position
from shared.sessions.session import Status
from tests.support.sessions import ALICE, BOB, NOW

CURSORS = SignedCursors("a-k3y-that-nobody-knows")
HERE = Position(NOW, "blessed-shepherd-427")
SEALED = CURSORS.encode(HERE, speaker=ALICE, status=None)


def refused(cursor: str, *, speaker: str = ALICE, status: Status | None = None) -> bool:
    with pytest.raises(InvalidRequest) as refusal:
        CURSORS.decode(cursor, speaker=speaker, status=status)
    assert [error.field for error in refusal.value.fields] == ["cursor"]
    return True


@pytest.mark.parametrize("status", [None, *Status])
def test_what_was_sealed_is_opened_again(status: Status | None):
    cursor = CURSORS.encode(HERE, speaker=ALICE, status=status)

    assert CURSORS.decode(cursor, speaker=ALICE, status=status) == HERE


def test_a_cursor_needs_no_escaping_in_a_url():
    assert set(SEALED) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


def test_another_speaker_cannot_use_it():
    assert refused(SEALED, speaker=BOB)


def test_it_is_good_for_its_own_status_alone():
    assert refused(SEALED, status=Status.ACTIVE)
    assert refused(CURSORS.encode(HERE, speaker=ALICE, status=Status.PAUSED), status=Status.ACTIVE)


def test_a_name_that_ends_like_a_status_does_not_make_another_list_of_it():
    sealed = CURSORS.encode(HERE, speaker="alice", status=Status.ACTIVE)

    assert refused(sealed, speaker="alice\0active")


def test_it_cannot_be_moved():
    content, signature = SEALED.split(".")
    moved = base64.urlsafe_b64encode(json.dumps([NOW - 1, HERE.session_id]).encode()).decode().rstrip("=")

    assert refused(f"{moved}.{signature}")
    assert refused(f"{content}.{base64.urlsafe_b64encode(bytes(32)).decode().rstrip('=')}")


def test_another_key_seals_other_cursors():
    assert refused(SignedCursors("another key").encode(HERE, speaker=ALICE, status=None))


@pytest.mark.parametrize("index", range(0, len(SEALED), 7))
def test_no_character_of_it_can_be_changed(index: int):
    other = "A" if SEALED[index] != "A" else "B"

    assert refused(SEALED[:index] + other + SEALED[index + 1 :])


@pytest.mark.parametrize(
    "cursor",
    ["", ".", "..", "x", "x.y", "a.b.c", SEALED + "=", SEALED + "\n", " " + SEALED, "\u0661.\u0662"],
    ids=ascii,
)
def test_what_is_no_cursor_is_refused(cursor: str):
    assert refused(cursor)
