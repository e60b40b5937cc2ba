"""Views: the fields of a session that clients see. A new field stays private until it is added here."""

from collections.abc import Mapping

from shared.sessions.session import EndReason, Session

View = Mapping[str, str | int]
"""JSON names and values. Times are epoch milliseconds, but `expiresAt` is epoch seconds."""


def public_view(session: Session) -> View:
    """Return the fields that everybody with the id may see."""
    view: dict[str, str | int] = {
        "sessionId": session.id,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "status": session.status,
        "listenerCount": session.listener_count,
        "maxListeners": session.max_listeners,
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
        "expiresAt": session.expires_at,
    }
    if session.ended_at is not None:
        view["endedAt"] = session.ended_at
        view["endReason"] = session.end_reason or EndReason.ENDED
    return view


def owner_view(session: Session) -> View:
    """Return the fields that the speaker may see: the public view and `speakerId`."""
    return {**public_view(session), "speakerId": session.speaker}
