"""Messages from the service to the audience of a session, as JSON."""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, TypedDict

from shared.audience.connection import Connection
from shared.sessions.session import Language, QualityTier, Session, Status

EndReason = Literal["ended", "expired"]


class SessionUpdated(TypedDict):
    """The status, language or quality has changed; `timestamp` is the time of the change, epoch ms."""

    type: Literal["sessionUpdated"]
    sessionId: str
    status: Status
    sourceLanguage: Language
    qualityTier: QualityTier
    timestamp: int


class SessionEnded(TypedDict):
    """The last message; the service then closes the connection. `timestamp` is the end, epoch ms."""

    type: Literal["sessionEnded"]
    sessionId: str
    reason: EndReason
    timestamp: int


class Audience(TypedDict):
    """To the speaker: the number of listeners, in total and by target language."""

    type: Literal["audience"]
    listenerCount: int
    byLanguage: dict[Language, int]


class HeartbeatAck(TypedDict):
    """The response to a heartbeat, sent by API Gateway itself."""

    type: Literal["heartbeatAck"]


Message = SessionUpdated | SessionEnded | Audience


def session_updated(session: Session) -> SessionUpdated:
    """Return the message about the session's current state."""
    return {
        "type": "sessionUpdated",
        "sessionId": session.id,
        "status": session.status,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "timestamp": session.updated_at,
    }


def session_ended(session: Session, reason: EndReason) -> SessionEnded:
    """Return the message that the session was ended by its speaker, or has expired."""
    ended_at = session.ended_at if reason == "ended" and session.ended_at else session.expires_at * 1000
    return {"type": "sessionEnded", "sessionId": session.id, "reason": reason, "timestamp": ended_at}


def audience(listeners: Iterable[Connection]) -> Audience:
    """Return the message about these listeners."""
    languages = Counter(row.target_language for row in listeners if row.target_language)
    return {
        "type": "audience",
        "listenerCount": languages.total(),
        "byLanguage": dict(sorted(languages.items())),
    }
