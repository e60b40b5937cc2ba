"""Cursors: what was sealed opens to the same position for the same list, and nothing else opens at all."""

from shared.errors import InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Position
from shared.sessions.session import Status
from tests.stress.fuzz.harnesses.pieces import edited, text, texts

CURSORS = SignedCursors("a-key-that-nobody-knows")
STATUSES = (None, *Status)


def check(data: bytes) -> None:
    """Seal a position, spoil the cursor or ask for another list, and open it; open any text too."""
    status, other_status, length = (data[:3] + b"\0\0\0")[:3]
    created_at = int.from_bytes(data[3:9], "big")
    edits, rest = data[9 : 9 + length % 32], data[9 + length % 32 :]
    session_id, speaker, other_speaker, anything = (_character(one) for one in texts(rest, 4))
    position = Position(created_at, session_id)
    sealed_for = (speaker, STATUSES[status % 4])
    opened_for = (other_speaker or speaker, STATUSES[other_status % 4])

    cursor = CURSORS.encode(position, speaker=speaker, status=sealed_for[1])
    given = edited(cursor, edits)

    assert cursor.isascii()
    assert set(cursor).isdisjoint("+/= &#%"), "it goes into an address as it is"
    genuine = given == cursor and opened_for == sealed_for
    assert _open(given, *opened_for) == (position if genuine else None)
    if anything != cursor:
        assert _open(anything, *sealed_for) is None
    raw = text(rest)
    if raw != cursor:
        assert _open(raw, *sealed_for) is None


def _open(cursor: str, speaker: str, status: Status | None) -> Position | None:
    try:
        return CURSORS.decode(cursor, speaker=speaker, status=status)
    except InvalidRequest:
        return None


def _character(given: str | None) -> str:
    # TokenVerifier and ids are characters, no halves of them.
    return (given or "").encode("utf-8", "replace").decode()
