"""A session to start a test from, and the time at which the test takes place."""

from typing import Any

from shared.sessions.session import LIFETIME_S, Language, QualityTier, Session, Status

NOW = 1_784_919_838_390  # epoch ms
NOW_S = NOW // 1000
ALICE = "02b5e4c4-70a1-70ec-1d3f-9f5a0f6d2c55"
BOB = "7215a4d4-9061-70b2-5b44-3c1d8f3a2e10"


def a_session(**overrides: Any) -> Session:
    """Return Alice's active session, created at NOW, with these fields replaced."""
    fields: dict[str, Any] = {
        "id": "blessed-shepherd-427",
        "speaker": ALICE,
        "source_language": Language.ENGLISH,
        "quality_tier": QualityTier.STANDARD,
        "status": Status.ACTIVE,
        "listener_count": 0,
        "max_listeners": 500,
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW_S + LIFETIME_S,
        "due_at": NOW_S + LIFETIME_S,
        "version": NOW,
    }
    return Session(**fields | overrides)
