"""A session and its rules: its fields, the status transitions, who may change it and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.errors import NotOwner, Refusal, SessionEnded, SessionNotFound, VersionMismatch

LIFETIME_S = 24 * 60 * 60
# An id is reused only when every WebSocket of its old session is closed: API Gateway closes each after 2 h.
# Until then the rows of the old session are kept.
GRACE_S = 3 * 60 * 60
# Time that the stream of the sessions table has to disconnect the audience of a session that has ended.
DRAIN_S = 120


class Language(StrEnum):
    """The languages that both Amazon Translate and Amazon Polly support."""

    ENGLISH = "en"
    SPANISH = "es"
    FRENCH = "fr"
    GERMAN = "de"
    ITALIAN = "it"
    PORTUGUESE = "pt"
    RUSSIAN = "ru"
    JAPANESE = "ja"
    KOREAN = "ko"
    CHINESE = "zh"
    ARABIC = "ar"
    HINDI = "hi"
    DUTCH = "nl"
    POLISH = "pl"
    TURKISH = "tr"
    SWEDISH = "sv"
    DANISH = "da"
    NORWEGIAN = "no"
    FINNISH = "fi"


class QualityTier(StrEnum):
    """What listeners get."""

    STANDARD = "standard"
    PREMIUM = "premium"


class Status(StrEnum):
    """The state of a session."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


class EndReason(StrEnum):
    """Why a session is over: its speaker ended it, was absent for too long, or it has expired.

    Expiry changes no row, so `expired` is not stored.
    """

    ENDED = "ended"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


# A session may be set to the status that it has: a retry must not fail because the first try succeeded.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.ACTIVE: frozenset({Status.ACTIVE, Status.PAUSED, Status.ENDED}),
    Status.PAUSED: frozenset({Status.PAUSED, Status.ACTIVE, Status.ENDED}),
    Status.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One broadcast. Times are epoch ms, but `expires_at`, `due_at` and `..._until` are epoch s.

    A word of another release that is not in its enumeration is kept as text. A field with a default may be
    missing in the rows of another release.
    """

    id: str
    speaker: str
    source_language: Language
    quality_tier: QualityTier = QualityTier.STANDARD
    status: Status
    listener_count: int = 0
    max_listeners: int
    created_at: int
    updated_at: int
    expires_at: int
    version: int
    ended_at: int | None = None
    end_reason: EndReason | None = None
    speaker_connected_since: int | None = None
    speaker_connected_until: int | None = None
    speaker_absent_since: int | None = None
    absence_announced_at: int | None = None
    due_at: int | None = None

    def live(self, now: int) -> bool:
        """Return whether the session exists for its users at `now` (epoch ms)."""
        # DynamoDB deletes expired items days late, so every read and write checks the expiry.
        return self.expires_at > now // 1000

    def abandoned_at(self, absent_minutes: int) -> int | None:
        """Return when the session ends if its absent speaker does not return, in epoch seconds.

        None if the speaker is not absent, or if `absent_minutes` is 0: then no absence ends a session.
        """
        if self.speaker_absent_since is None or not absent_minutes:
            return None
        return min(self.expires_at, self.speaker_absent_since // 1000 + absent_minutes * 60)

    def next_due(self, absent_minutes: int) -> int:
        """Return when the scheduled function must look at the session, in epoch seconds."""
        if self.status is Status.ENDED:
            return (self.ended_at or self.updated_at) // 1000 + DRAIN_S
        if self.speaker_connected_until is not None:
            # The expiry of the speaker's row, because $disconnect may be lost.
            return min(self.expires_at, self.speaker_connected_until)
        return self.abandoned_at(absent_minutes) or self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPatch:
    """The fields to change; None leaves a field as it is. `end_reason` is that of the status `ended`."""

    status: Status | None = None
    source_language: Language | None = None
    quality_tier: QualityTier | None = None
    end_reason: EndReason = EndReason.ENDED

    def assignments(self, now: int) -> dict[str, str | int]:
        """Return the fields of `Session` that the patch sets at `now` (epoch ms), other than `version`."""
        values: dict[str, str | int | None] = {
            "status": self.status,
            "source_language": self.source_language,
            "quality_tier": self.quality_tier,
            "updated_at": now,
        }
        if self.status is Status.ENDED:
            values |= {"ended_at": now, "end_reason": self.end_reason, "due_at": now // 1000 + DRAIN_S}
        return {field: value for field, value in values.items() if value is not None}

    def already_applied_to(self, session: Session) -> bool:
        """Return whether the session has ended and the patch ends it and changes nothing else."""
        # A session whose status another release has written has not ended, although it cannot be updated.
        return (
            self.status is session.status is Status.ENDED
            and self.source_language in (None, session.source_language)
            and self.quality_tier in (None, session.quality_tier)
        )


END = SessionPatch(status=Status.ENDED)
ABANDON = SessionPatch(status=Status.ENDED, end_reason=EndReason.ABANDONED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What must hold for a patch to be written; the store makes it the condition of that one write.

    `action` is the verb of NotOwner, `now` is epoch ms, `versions` are those accepted, None for any.
    `absent_since` is the beginning of the speaker's absence if that must still last, epoch ms.
    """

    action: str
    speaker: str
    now: int
    versions: frozenset[int] | None
    statuses: frozenset[Status]
    absent_since: int | None = None

    @classmethod
    def of(
        cls,
        patch: SessionPatch,
        *,
        action: str,
        speaker: str,
        now: int,
        versions: frozenset[int] | None = None,
        absent_since: int | None = None,
    ) -> "Precondition":
        """Return the precondition of a patch: it accepts every status that may change to the patch's."""
        statuses = {
            status
            for status, following in TRANSITIONS.items()
            if (patch.status in following if patch.status else following)
        }
        return cls(
            action=action,
            speaker=speaker,
            now=now,
            versions=versions,
            statuses=frozenset(statuses),
            absent_since=absent_since,
        )

    def refusal(self, current: Session | None) -> Refusal | None:
        """Return why the write is refused, in the documented order 404, 403, 412, 409; None if it is not."""
        if current is None or not current.live(self.now):
            return SessionNotFound()
        if current.speaker != self.speaker:
            return NotOwner(self.action)
        if self.versions is not None and current.version not in self.versions:
            return VersionMismatch()
        if self.absent_since not in (None, current.speaker_absent_since):
            return VersionMismatch()
        if current.status not in self.statuses:
            return SessionEnded()
        return None


class ConditionFailed(NamedTuple):
    """A write was refused because its condition did not hold; `current` is what the store has instead."""

    current: Session | None
