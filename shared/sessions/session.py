"""A session and its rules: what it is, what may follow what, who may change it and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shared.errors import NotOwner, SessionEnded, SessionError, SessionNotFound, VersionMismatch

LIFETIME_S = 24 * 60 * 60


class Language(StrEnum):
    """What a speaker may speak: the languages that Amazon Translate and Amazon Polly have in common."""

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
    """How good the translation is."""

    STANDARD = "standard"
    PREMIUM = "premium"


class Status(StrEnum):
    """Where a session is in its life."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


# A session may be told its own status again: a retry must not fail because the first try worked.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.ACTIVE: frozenset({Status.ACTIVE, Status.PAUSED, Status.ENDED}),
    Status.PAUSED: frozenset({Status.PAUSED, Status.ACTIVE, Status.ENDED}),
    Status.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One broadcast. Times are epoch milliseconds, but for `expires_at`: epoch seconds, DynamoDB's TTL."""

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
        """Whether anybody may still see the session at `now` (epoch ms)."""
        # DynamoDB deletes expired rows days late, so expiry is checked on every read and write.
        return self.expires_at > now // 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a speaker wants different; None leaves a field as it is."""

    status: Status | None = None
    source_language: Language | None = None
    quality_tier: QualityTier | None = None

    def assignments(self, now: int) -> dict[str, str | int]:
        """The fields of a `Session` that the change sets at `now` (epoch ms); `version` is raised besides."""
        wanted: dict[str, str | int | None] = {
            "status": self.status,
            "source_language": self.source_language,
            "quality_tier": self.quality_tier,
            "updated_at": now,
            "ended_at": now if self.status is Status.ENDED else None,
        }
        return {field: value for field, value in wanted.items() if value is not None}

    def already_true_of(self, ended: Session) -> bool:
        """Whether this change asks for the end, and an ended session is all that it asks for."""
        return self.status is Status.ENDED and all(
            wanted in (None, actual)
            for wanted, actual in (
                (self.source_language, ended.source_language),
                (self.quality_tier, ended.quality_tier),
            )
        )


END = Change(status=Status.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What must hold for a change to be written: the store turns it into the condition of that one write.

    `action` is the verb of the refusal, `now` is epoch ms, `versions` are those accepted, None for any.
    """

    action: str
    speaker: str
    now: int
    versions: frozenset[int] | None
    statuses: frozenset[Status]

    @classmethod
    def of(
        cls, change: Change, *, action: str, speaker: str, now: int, versions: frozenset[int] | None
    ) -> "Guard":
        """Let `change` through from every status that may be followed by the one it wants."""
        allowed = {
            status
            for status, following in TRANSITIONS.items()
            if (change.status in following if change.status else following)
        }
        return cls(action=action, speaker=speaker, now=now, versions=versions, statuses=frozenset(allowed))

    def refusal(self, current: Session | None) -> SessionError | None:
        """Why the write is refused, in the order that clients are promised: 404, 403, 412, 409."""
        if current is None or not current.live(self.now):
            return SessionNotFound()
        if current.speaker != self.speaker:
            return NotOwner(self.action)
        if self.versions is not None and current.version not in self.versions:
            return VersionMismatch()
        if current.status not in self.statuses:
            return SessionEnded()
        return None
