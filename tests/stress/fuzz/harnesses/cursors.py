"""Cursors: a cursor decodes to its position for its own list, and nothing else decodes."""

from shared.errors import InvalidRequest
from shared.sessions.cursors import SignedCursors
from shared.sessions.list import Position
from shared.sessions.session import Status
from tests.stress.fuzz.harnesses.strings import edited, string, strings

CURSORS = SignedCursors("a-secret-key")
STATUSES = (None, *Status)


def check(data: bytes) -> None:
    """Decode a cursor after editing it, or for another list; decode arbitrary strings too."""
    status, other_status, length = (data[:3] + b"\0\0\0")[:3]
    created_at = int.from_bytes(data[3:9], "big")
    edits, rest = data[9 : 9 + length % 32], data[9 + length % 32 :]
    session_id, speaker, other_speaker, arbitrary = (_without_surrogates(one) for one in strings(rest, 4))
    position = Position(created_at, session_id)
    its_list = (speaker, STATUSES[status % 4])
    other_list = (other_speaker or speaker, STATUSES[other_status % 4])

    cursor = CURSORS.encode(position, speaker=speaker, status=its_list[1])
    sent = edited(cursor, edits)

    assert cursor.isascii()
    assert set(cursor).isdisjoint("+/= &#%"), "a cursor needs no escaping in a URL"
    valid = sent == cursor and other_list == its_list
    assert _decode(sent, *other_list) == (position if valid else None)
    for text in (arbitrary, string(rest)):
        if text != cursor:
            assert _decode(text, *its_list) is None


def _decode(cursor: str, speaker: str, status: Status | None) -> Position | None:
    try:
        return CURSORS.decode(cursor, speaker=speaker, status=status)
    except InvalidRequest:
        return None


def _without_surrogates(text: str | None) -> str:
    # Subjects and ids never contain lone surrogates.
    return (text or "").encode("utf-8", "replace").decode()
