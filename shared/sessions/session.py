"""A session and its rules: its fields, the status transitions, who may change it and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.errors import NotOwner, Refusal, SessionEnded, SessionNotFound, VersionMismatch

LIFETIME_S = 24 * 60 * 60


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


# A session may be set to the status that it has: a retry must not fail because the first try succeeded.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.ACTIVE: frozenset({Status.ACTIVE, Status.PAUSED, Status.ENDED}),
    Status.PAUSED: frozenset({Status.PAUSED, Status.ACTIVE, Status.ENDED}),
    Status.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One broadcast. Times are epoch milliseconds, but `expires_at` is epoch seconds, for DynamoDB's TTL."""

    id: str
    speaker: str
    source_language: Language
    quality_tier: QualityTier
    status: Status
    listener_count: int
    created_at: int
    updated_at: int
    expires_at: int
    version: int
    ended_at: int | None = None
    idempotency_key_digest: str | None = None
    request_digest: str | None = None

    def live(self, now: int) -> bool:
        """Return whether the session exists for its users at `now` (epoch ms)."""
        # DynamoDB deletes expired items days late, so every read and write checks the expiry.
        return self.expires_at > now // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPatch:
    """The fields that a speaker changes; None leaves a field as it is."""

    status: Status | None = None
    source_language: Language | None = None
    quality_tier: QualityTier | None = None

    def assignments(self, now: int) -> dict[str, str | int]:
        """Return the fields of `Session` that the patch sets at `now` (epoch ms), other than `version`."""
        values: dict[str, str | int | None] = {
            "status": self.status,
            "source_language": self.source_language,
            "quality_tier": self.quality_tier,
            "updated_at": now,
            "ended_at": now if self.status is Status.ENDED else None,
        }
        return {field: value for field, value in values.items() if value is not None}

    def already_applied_to(self, ended: Session) -> bool:
        """Return whether the patch ends the session and changes nothing else of an ended one."""
        return (
            self.status is Status.ENDED
            and self.source_language in (None, ended.source_language)
            and self.quality_tier in (None, ended.quality_tier)
        )


END = SessionPatch(status=Status.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Precondition:
    """What must hold for a patch to be written; the store makes it the condition of that one write.

    `action` is the verb of NotOwner, `now` is epoch ms, `versions` are those accepted, None for any.
    """

    action: str
    speaker: str
    now: int
    versions: frozenset[int] | None
    statuses: frozenset[Status]

    @classmethod
    def of(
        cls, patch: SessionPatch, *, action: str, speaker: str, now: int, versions: frozenset[int] | None
    ) -> "Precondition":
        """Return the precondition of a patch: it accepts every status that may change to the patch's."""
        statuses = {
            status
            for status, following in TRANSITIONS.items()
            if (patch.status in following if patch.status else following)
        }
        return cls(action=action, speaker=speaker, now=now, versions=versions, statuses=frozenset(statuses))

    def refusal(self, current: Session | None) -> Refusal | None:
        """Return why the write is refused, in the documented order 404, 403, 412, 409; None if it is not."""
        if current is None or not current.live(self.now):
            return SessionNotFound()
        if current.speaker != self.speaker:
            return NotOwner(self.action)
        if self.versions is not None and current.version not in self.versions:
            return VersionMismatch()
        if current.status not in self.statuses:
            return SessionEnded()
        return None


class ConditionFailed(NamedTuple):
    """A write was refused because its condition did not hold; `current` is what the store has instead."""

    current: Session | None
