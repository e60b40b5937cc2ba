"""What the server tells the people at a session over their WebSockets."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypedDict

from shared.audience.connection import Connection
from shared.sessions.session import Language, QualityTier, Session, Status

EndReason = Literal["ended", "expired"]


class SessionUpdated(TypedDict):
    """Paused, resumed, or another language or quality; `timestamp` is when it changed, in epoch ms."""

    type: Literal["sessionUpdated"]
    sessionId: str
    status: Status
    sourceLanguage: Language
    qualityTier: QualityTier
    timestamp: int


class SessionEnded(TypedDict):
    """The last message: the server closes the connection after it. `timestamp` is the end, in epoch ms."""

    type: Literal["sessionEnded"]
    sessionId: str
    reason: EndReason
    timestamp: int


class Audience(TypedDict):
    """To the speaker: how many listen, in all and by the language that they hear."""

    type: Literal["audience"]
    listenerCount: int
    byLanguage: dict[Language, int]


class HeartbeatAck(TypedDict):
    """The answer to a heartbeat: API Gateway gives it by itself."""

    type: Literal["heartbeatAck"]


Message = SessionUpdated | SessionEnded | Audience


def session_updated(session: Session) -> SessionUpdated:
    """What the session is now."""
    return {
        "type": "sessionUpdated",
        "sessionId": session.id,
        "status": session.status,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "timestamp": session.updated_at,
    }


def session_ended(session: Session, reason: EndReason) -> SessionEnded:
    """The session is over: its speaker has ended it, or its time has."""
    ended_at = session.ended_at if reason == "ended" and session.ended_at else session.expires_at * 1000
    return {"type": "sessionEnded", "sessionId": session.id, "reason": reason, "timestamp": ended_at}


def audience(listeners: Iterable[Connection]) -> Audience:
    """Who listens."""
    languages = Counter(row.target_language for row in listeners if row.target_language)
    return {
        "type": "audience",
        "listenerCount": languages.total(),
        "byLanguage": dict(sorted(languages.items())),
    }
