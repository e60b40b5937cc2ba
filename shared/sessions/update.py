"""Update a session."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.errors import SessionEnded, SessionNotFound
from shared.sessions import ids
from shared.sessions.session import Precondition, Session, SessionPatch, Status

if TYPE_CHECKING:
    from shared.sessions.ports import SessionMetrics, SessionStore


class UpdateSession:
    """Apply a patch to a speaker's own session. `clock` returns epoch milliseconds.

    `action` is the verb of NotOwner.
    """

    def __init__(
        self,
        sessions: "SessionStore",
        metrics: "SessionMetrics",
        clock: Callable[[], int],
        *,
        action: str = "update",
    ) -> None:
        self._sessions = sessions
        self._metrics = metrics
        self._clock = clock
        self._action = action

    def __call__(
        self, session_id: str, patch: SessionPatch, *, speaker: str, versions: frozenset[int] | None
    ) -> Session:
        """Return the updated session; `versions` are the ones that the caller accepts, None for any.

        Raises SessionNotFound, NotOwner, VersionMismatch, SessionEnded, ServiceUnavailable.
        """
        if not ids.is_session_id(session_id):
            raise SessionNotFound
        precondition = Precondition.of(
            patch, action=self._action, speaker=speaker, now=self._clock(), versions=versions
        )
        result = self._sessions.update(session_id, patch, precondition)
        if isinstance(result, Session):
            if patch.status is Status.ENDED:
                self._metrics.session_ended(result)
            return result
        refusal = precondition.refusal(result.current)
        if isinstance(refusal, SessionEnded) and result.current and patch.already_applied_to(result.current):
            return result.current
        if refusal is None:
            raise AssertionError("The store refused a write that the precondition permits")
        raise refusal
