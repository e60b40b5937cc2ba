"""Connections to start a test from."""

from typing import Any

from shared.audience.connection import HANDSHAKE_S, LIFETIME_S, Connection, Role
from shared.sessions.session import Language
from tests.support.sessions import NOW, NOW_S


def a_listener(**different: Any) -> Connection:
    """Return a Spanish listener of `a_session()`, admitted at NOW, with what the test wants different."""
    usual: dict[str, Any] = {
        "session_id": "blessed-shepherd-427",
        "id": "L0SM9cOFvHcCIhw=",
        "session_created_at": NOW,
        "role": Role.LISTENER,
        "target_language": Language.SPANISH,
        "joined_at": NOW,
        "admitted_at": NOW,
        "expires_at": NOW_S + LIFETIME_S,
    }
    return Connection(**usual | different)


def a_newcomer(**different: Any) -> Connection:
    """Return a listener who has come at NOW and waits for admission."""
    return a_listener(**{"admitted_at": None, "expires_at": NOW_S + HANDSHAKE_S} | different)


def the_speaker(**different: Any) -> Connection:
    """Return the speaker's own connection to `a_session()`."""
    usual = {"id": "SpeakerFvHcCIhw=", "role": Role.SPEAKER, "target_language": None}
    return a_listener(**usual | different)
