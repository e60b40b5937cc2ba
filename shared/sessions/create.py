"""Create a session."""

import secrets
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from shared.errors import IdempotencyKeyReused, RateLimited, ServiceUnavailable, WriteConflict
from shared.sessions import ids
from shared.sessions.keys import IdempotencyKey, KeyRow, KeyTaken
from shared.sessions.session import GRACE_S, LIFETIME_S, ConditionFailed, Session, Status

if TYPE_CHECKING:
    from shared.deadline import Deadline
    from shared.rate_limits import RateLimit
    from shared.sessions.ports import KeyStore, SessionMetrics, SessionStore
    from shared.sessions.requests import NewSession

ResultT = TypeVar("ResultT")

# After a conflict a write is repeated at a random time: within 50 ms at first, within twice the time after
# each further conflict, within 1 s at last.
# https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
FIRST_WAIT_MS = 50
LONGEST_WAIT_MS = 1000


class CreateSession:
    """Create a session for a speaker, once per idempotency key.

    `limit` is that of sessions per speaker, `clock` returns epoch milliseconds, `deadline` ends all tries,
    `digits` is the setting SESSION_ID_DIGITS, `max_listeners` is the setting MAX_LISTENERS, `sleep` takes
    seconds, `draw` is the source of random numbers for ids.
    """

    def __init__(
        self,
        sessions: "SessionStore",
        keys: "KeyStore",
        limit: "RateLimit",
        metrics: "SessionMetrics",
        clock: Callable[[], int],
        deadline: "Deadline",
        *,
        digits: int,
        max_listeners: int,
        sleep: Callable[[float], None],
        draw: ids.Draw = ids.draw_at_random,
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._limit = limit
        self._metrics = metrics
        self._clock = clock
        self._deadline = deadline
        self._digits = digits
        self._max_listeners = max_listeners
        self._draw = draw
        self._sleep = sleep

    def __call__(self, request: "NewSession", *, speaker: str, key: str | None) -> Session:
        """Return the new session, or the one that the same key and request have created before.

        Only a new session uses up the speaker's limit, which does not apply to the others. Raises
        IdempotencyKeyReused, RateLimited, ServiceUnavailable.
        """
        self._deadline.start()
        fields = request.source_language, request.quality_tier
        idempotency_key = IdempotencyKey.of(key, speaker=speaker, request=fields) if key else None
        try:
            use = self._limit.take(speaker)
        except RateLimited:
            earlier = self._earlier(idempotency_key) if idempotency_key else None
            if earlier is None:
                raise
            return earlier
        created = False
        try:
            session, created = self._create(request, speaker, idempotency_key)
        finally:
            if not created:
                self._limit.give_back(use)
        if created:
            self._metrics.session_created(session)
        return session

    def _create(
        self, request: "NewSession", speaker: str, key: IdempotencyKey | None
    ) -> tuple[Session, bool]:
        """Return the session, and whether this request has created it."""
        for session_id in ids.candidates(self._digits, self._draw):
            now = self._clock()
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
            )
            result = self._until_no_conflict(partial(self._add, session, key))
            if isinstance(result, Session):
                return result, True
            if isinstance(result, KeyTaken):
                return self._replay(result.row, key), False
            self._metrics.session_id_clash()
            self._deadline.check()
        raise ServiceUnavailable

    def _add(self, session: Session, key: IdempotencyKey | None) -> Session | KeyTaken | ConditionFailed:
        reusable_before = session.created_at // 1000 - GRACE_S
        if key is None:
            return self._sessions.add(session, reusable_before=reusable_before)
        return self._keys.add_with_key(session, key, reusable_before=reusable_before)

    def _earlier(self, key: IdempotencyKey) -> Session | None:
        """Return the session that the key and the request have created before, None if there is none."""
        row = self._keys.get(key.digest)
        if row is None or row.request_digest != key.request_digest or row.expires_at <= self._clock() // 1000:
            return None
        return self._replay(row, key)

    def _replay(self, row: KeyRow, key: IdempotencyKey | None) -> Session:
        """Return the session of a taken key. Raises IdempotencyKeyReused, ServiceUnavailable."""
        if key is None or row.request_digest != key.request_digest:
            raise IdempotencyKeyReused
        return self._until_no_conflict(partial(self._session_of, row))

    def _session_of(self, row: KeyRow) -> Session:
        session = self._sessions.get(row.session_id)
        if session is None or session.created_at != row.session_created_at:
            # DynamoDB commits the items of a transaction one by one: a key can be there before its session.
            # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
            raise WriteConflict
        return session

    def _until_no_conflict(self, call: Callable[[], ResultT]) -> ResultT:
        """Return the result of the call, which is repeated after each WriteConflict while there is time."""
        longest_wait_ms = FIRST_WAIT_MS
        while True:
            try:
                return call()
            except WriteConflict:
                self._sleep(secrets.randbelow(longest_wait_ms + 1) / 1000)
                self._deadline.check()
                longest_wait_ms = min(2 * longest_wait_ms, LONGEST_WAIT_MS)
