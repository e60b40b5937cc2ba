"""What is shown of a session. A new field stays private until somebody adds it here."""

from collections.abc import Mapping

from shared.sessions.session import Session

View = Mapping[str, str | int]
"""Names as clients know them. Times are epoch milliseconds, but for expiresAt: epoch seconds."""


def public_view(session: Session) -> View:
    """What anybody may know who has the id."""
    view: dict[str, str | int] = {
        "sessionId": session.id,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "status": session.status,
        "listenerCount": session.listener_count,
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
        "expiresAt": session.expires_at,
    }
    if session.ended_at is not None:
        view["endedAt"] = session.ended_at
    return view


def owner_view(session: Session) -> View:
    """What its speaker may know: the public view and whose it is."""
    return {**public_view(session), "speakerId": session.speaker}
