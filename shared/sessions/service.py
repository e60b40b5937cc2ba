"""The four things that can be done with a session: open, find, change, end."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from shared.errors import IdempotencyKeyReused, SessionEnded, SessionNotFound, TryAgainLater
from shared.sessions import ids
from shared.sessions.session import END, LIFETIME_S, Change, Guard, Session, Status

if TYPE_CHECKING:
    from shared.sessions.requests import NewSession, SessionChange

# How long after the first try another id is tried: one more call must fit into the function's 10 s.
CLASH_TRIES_MS = 1500


class Refused(NamedTuple):
    """A write whose condition did not hold, with what was there instead at that moment."""

    current: Session | None


class Store(Protocol):
    """Where sessions live. Each write is one atomic conditional call, in doubt it raises TryAgainLater."""

    def add(self, session: Session, *, reusable_before: int) -> Session | Refused:
        """Write the session unless one holds its id that expires at `reusable_before` (epoch s) or later."""

    def get(self, session_id: str) -> Session | None:
        """Read what was last written under the id, expired or not."""

    def update(self, session_id: str, change: Change, guard: Guard) -> Session | Refused:
        """Make the change and raise the version if the guard permits it; returns the new session."""


class Metrics(Protocol):
    """What operators count."""

    def session_created(self, session: Session) -> None:
        """A new session is there; not called when an earlier one is returned for the same key."""

    def session_ended(self, session: Session) -> None:
        """A speaker has ended the session; called once per session."""

    def session_id_clash(self) -> None:
        """A candidate id was held by another session."""


class Sessions:
    """The use cases over a store. `clock` returns epoch milliseconds; `draw` is chance, given for tests."""

    def __init__(
        self, store: Store, metrics: Metrics, clock: Callable[[], int], draw: ids.Draw = ids.by_chance
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._draw = draw

    def open(self, wanted: "NewSession", *, speaker: str, key: str | None, digits: int) -> Session:
        """Open a session for the speaker, or return the one that the same key and body have opened already.

        `digits` is the `session_id_digits` setting. Raises IdempotencyKeyReused, TryAgainLater.
        """
        started = now = self._clock()
        request_digest = _digest(wanted.source_language, wanted.quality_tier)
        key_digest = _digest(speaker, key) if key else None
        draw = ids.by_key(speaker, key) if key else self._draw
        for session_id in ids.candidates(digits, draw):
            session = Session(
                id=session_id,
                speaker=speaker,
                source_language=wanted.source_language,
                quality_tier=wanted.quality_tier,
                status=Status.ACTIVE,
                listener_count=0,
                created_at=now,
                updated_at=now,
                expires_at=now // 1000 + LIFETIME_S,
                # Counted from the creation time, so that a recycled id never repeats an old version.
                version=now,
                idempotency_key_digest=key_digest,
                request_digest=request_digest if key else None,
            )
            result = self._store.add(session, reusable_before=now // 1000 - ids.GRACE_S)
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
        raise TryAgainLater

    def find(self, session_id: str) -> Session:
        """Look a session up, ended or not, until it expires. Raises SessionNotFound, TryAgainLater."""
        session = self._store.get(session_id) if ids.is_session_id(session_id) else None
        if session is None or not session.live(self._clock()):
            raise SessionNotFound
        return session

    def change(
        self, session_id: str, wanted: "SessionChange", *, speaker: str, versions: frozenset[int] | None
    ) -> Session:
        """Change the speaker's own session, at one of the `versions` when they are given.

        Raises SessionNotFound, NotOwner, VersionMismatch, SessionEnded, TryAgainLater.
        """
        return self._write(session_id, wanted.change(), action="update", speaker=speaker, versions=versions)

    def end(self, session_id: str, *, speaker: str, versions: frozenset[int] | None) -> Session:
        """End the speaker's own session; one that has ended already stays as it is.

        Raises SessionNotFound, NotOwner, VersionMismatch, TryAgainLater.
        """
        return self._write(session_id, END, action="delete", speaker=speaker, versions=versions)

    def _write(
        self, session_id: str, change: Change, *, action: str, speaker: str, versions: frozenset[int] | None
    ) -> Session:
        if not ids.is_session_id(session_id):
            raise SessionNotFound
        guard = Guard.of(change, action=action, speaker=speaker, now=self._clock(), versions=versions)
        result = self._store.update(session_id, change, guard)
        if isinstance(result, Session):
            if change.status is Status.ENDED:
                self._metrics.session_ended(result)
            return result
        refusal = guard.refusal(result.current)
        if isinstance(refusal, SessionEnded) and result.current and change.already_true_of(result.current):
            return result.current
        if refusal is None:
            raise AssertionError("The store refused a write that the guard permits")
        raise refusal


def _digest(*parts: str) -> str:
    """A fingerprint of the parts, which are told apart by their lengths."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode()).hexdigest()
