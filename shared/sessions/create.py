"""Create a session."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.errors import IdempotencyKeyReused, ServiceUnavailable
from shared.sessions import ids
from shared.sessions.session import GRACE_S, LIFETIME_S, Session, Status

if TYPE_CHECKING:
    from shared.sessions.ports import SessionMetrics, SessionStore
    from shared.sessions.requests import NewSession

# No further id is tried after this time: one more call must fit into the function's 10 s.
CLASH_TRIES_MS = 1500


class CreateSession:
    """Create a session for a speaker, once per idempotency key.

    `clock` returns epoch milliseconds, `digits` is the setting SESSION_ID_DIGITS, `max_listeners` is the setting
    MAX_LISTENERS, `draw` is the source of random numbers.
    """

    def __init__(
        self,
        sessions: "SessionStore",
        metrics: "SessionMetrics",
        clock: Callable[[], int],
        *,
        digits: int,
        max_listeners: int,
        draw: ids.Draw = ids.draw_at_random,
    ) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._clock = clock
        self._digits = digits
        self._max_listeners = max_listeners
        self._draw = draw

    def __call__(self, request: "NewSession", *, speaker: str, key: str | None) -> Session:
        """Return the new session, or the one that the same key and request have created before.

        Raises IdempotencyKeyReused, ServiceUnavailable.
        """
        started = now = self._clock()
        request_digest = _digest(request.source_language, request.quality_tier)
        key_digest = _digest(speaker, key) if key else None
        draw = ids.draw_by_key(speaker, key) if key else self._draw
        for session_id in ids.candidates(self._digits, draw):
            session = Session(
                id=session_id,
                speaker=speaker,
                source_language=request.source_language,
                quality_tier=request.quality_tier,
                status=Status.ACTIVE,
                listener_count=0,
                max_listeners=self._max_listeners,
                created_at=now,
                updated_at=now,
                expires_at=now // 1000 + LIFETIME_S,
                due_at=now // 1000 + LIFETIME_S,
                # Versions start at the creation time, so that a reused id never repeats an ETag.
                version=now,
                idempotency_key_digest=key_digest,
                request_digest=request_digest if key else None,
            )
            result = self._sessions.add(session, reusable_before=now // 1000 - GRACE_S)
            if isinstance(result, Session):
                self._metrics.session_created(result)
                return result
            holder = result.current
            if holder and key_digest and holder.idempotency_key_digest == key_digest and holder.live(now):
                if holder.request_digest != request_digest:
                    raise IdempotencyKeyReused
                return holder
            self._metrics.session_id_clash()
            now = self._clock()
            if now - started > CLASH_TRIES_MS:
                break
        raise ServiceUnavailable


def _digest(*parts: str) -> str:
    """Return the SHA-256 of the parts, each after its length, so that ("ab", "c") is not ("a", "bc")."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode()).hexdigest()
