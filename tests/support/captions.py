"""Captions to start a test from."""

from typing import Any

from shared.audience.connection import SessionRef
from shared.captions.caption import Caption
from shared.sessions.session import LIFETIME_S, Language
from tests.support.sessions import NOW, NOW_S


def a_caption(sequence: int = 1, **overrides: Any) -> Caption:
    """Return a caption of `a_session()`, spoken and published at NOW, with these fields replaced."""
    fields: dict[str, Any] = {
        "session": SessionRef("blessed-shepherd-427", NOW),
        "sequence": sequence,
        "text": f"Sentence {sequence}.",
        "source_language": Language.ENGLISH,
        "spoken_at": NOW,
        "published_at": NOW,
        "expires_at": NOW_S + LIFETIME_S,
    }
    return Caption(**fields | overrides)
