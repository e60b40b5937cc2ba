"""Messages from the service to the audience of a session, as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Literal, NotRequired, TypedDict

from shared.audience.connection import Connection, Role
from shared.sessions.session import EndReason, Language, QualityTier, Session, Status


class SessionJoined(TypedDict):
    """To a connection that has been admitted, and the answer to `joinSession`: the session's current state.

    A listener has `targetLanguage`. The speaker has `lastSequence`, the sequence of the session's last
    caption, 0 before the first. Messages with a lower `version` than this one's are out of date.
    """

    type: Literal["sessionJoined"]
    sessionId: str
    connectionId: str
    role: Role
    targetLanguage: NotRequired[Language]
    lastSequence: NotRequired[int]
    sourceLanguage: Language
    qualityTier: QualityTier
    status: Status
    version: int
    listenerCount: int
    timestamp: int


class LanguageChanged(TypedDict):
    """The answer to `changeLanguage`: what is published from now on arrives in this language."""

    type: Literal["languageChanged"]
    targetLanguage: Language
    timestamp: int


class SessionUpdated(TypedDict):
    """The session has changed. A message with a lower `version` than an earlier one is out of date.

    `timestamp` is the time of the change, epoch ms.
    """

    type: Literal["sessionUpdated"]
    sessionId: str
    status: Status
    sourceLanguage: Language
    qualityTier: QualityTier
    version: int
    timestamp: int


class SessionEnded(TypedDict):
    """The last message; the service then closes the connection. `timestamp` is the end, epoch ms."""

    type: Literal["sessionEnded"]
    sessionId: str
    reason: EndReason
    timestamp: int


class SpeakerPresence(TypedDict):
    """To listeners: the speaker has been absent for 10 s, or has returned after that.

    `timestamp` is when the absence or the new connection began, epoch ms: the message with the highest one
    is true. An absence has `endsAt`, epoch s, if the session ends then unless the speaker returns.
    """

    type: Literal["speakerPresence"]
    connected: bool
    endsAt: NotRequired[int]
    timestamp: int


class Audience(TypedDict):
    """To the speaker: the number of listeners, in total and by target language, at `timestamp`, epoch ms."""

    type: Literal["audience"]
    listenerCount: int
    byLanguage: dict[Language, int]
    timestamp: int


class FieldDetail(TypedDict):
    """One invalid field of a message."""

    field: str
    message: str


class ErrorMessage(TypedDict):
    """The answer to a message that is not carried out; the connection stays open.

    `sequence` is that of the message, if it is a whole number. INVALID_MESSAGE has `details`, one for each
    invalid field. A code after which the same message may succeed has `retryAfter`, the seconds to wait.
    """

    type: Literal["error"]
    code: str
    message: str
    action: str
    sequence: NotRequired[int]
    retryAfter: NotRequired[int]
    details: NotRequired[list[FieldDetail]]
    timestamp: int


class HeartbeatAck(TypedDict):
    """The response to a heartbeat, sent by API Gateway itself. `timestamp` is the receipt, epoch ms."""

    type: Literal["heartbeatAck"]
    timestamp: int


Message = SessionJoined | LanguageChanged | SessionUpdated | SessionEnded | SpeakerPresence | Audience


def encode(message: Mapping[str, object]) -> bytes:
    """Return a message as it is sent: compact JSON in UTF-8, half the size of JSON in ASCII for most scripts.

    The message must not contain half of a surrogate pair.
    """
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def session_joined(
    session: Session, connection: Connection, now: int, *, last_sequence: int = 0
) -> SessionJoined:
    """Return the message about the session to one connection, at `now` (epoch ms)."""
    message: SessionJoined = {
        "type": "sessionJoined",
        "sessionId": session.id,
        "connectionId": connection.id,
        "role": connection.role,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "status": session.status,
        "version": session.version,
        "listenerCount": session.listener_count,
        "timestamp": now,
    }
    if connection.role is Role.SPEAKER:
        message["lastSequence"] = last_sequence
    elif connection.target_language is not None:
        message["targetLanguage"] = connection.target_language
    return message


def language_changed(language: Language, now: int) -> LanguageChanged:
    """Return the answer that the connection's language is this from `now` (epoch ms) on."""
    return {"type": "languageChanged", "targetLanguage": language, "timestamp": now}


def session_updated(session: Session) -> SessionUpdated:
    """Return the message about the session's current state."""
    return {
        "type": "sessionUpdated",
        "sessionId": session.id,
        "status": session.status,
        "sourceLanguage": session.source_language,
        "qualityTier": session.quality_tier,
        "version": session.version,
        "timestamp": session.updated_at,
    }


def session_ended(session: Session) -> SessionEnded:
    """Return the message that the session has ended, or has expired without an end."""
    reason, timestamp = EndReason.EXPIRED, session.expires_at * 1000
    if session.status is Status.ENDED:
        reason = session.end_reason or EndReason.ENDED
        timestamp = session.ended_at or session.updated_at
    return {"type": "sessionEnded", "sessionId": session.id, "reason": reason, "timestamp": timestamp}


def speaker_absent(since: int, ends_at: int | None) -> SpeakerPresence:
    """Return the message about an absence since `since` (epoch ms) that ends the session at `ends_at`."""
    message: SpeakerPresence = {"type": "speakerPresence", "connected": False, "timestamp": since}
    if ends_at is not None:
        message["endsAt"] = ends_at
    return message


def speaker_returned(since: int) -> SpeakerPresence:
    """Return the message that the speaker is connected again since `since` (epoch ms)."""
    return {"type": "speakerPresence", "connected": True, "timestamp": since}


def audience(listeners: Iterable[Connection], now: int) -> Audience:
    """Return the message about these listeners, counted at `now` (epoch ms)."""
    languages = Counter(row.target_language for row in listeners if row.target_language)
    return {
        "type": "audience",
        "listenerCount": languages.total(),
        "byLanguage": dict(sorted(languages.items())),
        "timestamp": now,
    }
