"""Connections to start a test from."""

from typing import Any

from shared.audience.connection import HANDSHAKE_S, LIFETIME_S, Connection, Role
from shared.sessions.session import Language
from tests.support.sessions import NOW, NOW_S


def a_listener(**overrides: Any) -> Connection:
    """Return a Spanish listener of `a_session()`, admitted at NOW, with these fields replaced."""
    fields: dict[str, Any] = {
        "session_id": "blessed-shepherd-427",
        "id": "L0SM9cOFvHcCIhw=",
        "session_created_at": NOW,
        "role": Role.LISTENER,
        "target_language": Language.SPANISH,
        "joined_at": NOW,
        "admitted_at": NOW,
        "expires_at": NOW_S + LIFETIME_S,
    }
    return Connection(**fields | overrides)


def a_waiting_listener(**overrides: Any) -> Connection:
    """Return a listener of `a_session()` who connected at NOW and waits for admission."""
    return a_listener(**{"admitted_at": None, "expires_at": NOW_S + HANDSHAKE_S} | overrides)


def a_speaker(**overrides: Any) -> Connection:
    """Return a connection of the speaker of `a_session()`, admitted at NOW."""
    fields = {"id": "SpeakerFvHcCIhw=", "role": Role.SPEAKER, "target_language": None}
    return a_listener(**fields | overrides)
