"""Look at the sessions that are due: end, finish or check them. A scheduled function does it each minute."""

import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import TYPE_CHECKING

from shared.audience.delivery import RESERVE_MS
from shared.audience.messages import session_ended
from shared.errors import ServiceUnavailable, UnreadableRow
from shared.sessions.session import ABANDON, Precondition, Session, Status

if TYPE_CHECKING:
    from shared.audience.delivery import Delivery
    from shared.audience.ports import ConnectionStore, DueSession, DueSessions, SessionBookkeeping
    from shared.audience.presence import SpeakerPresence
    from shared.sessions.ports import SessionMetrics, SessionStore

# A session that could not be swept is due again after this time, so that it does not delay the others.
RETRY_S = 5 * 60

# A join whose clock is behind admits a connection shortly after the session has expired.
CLOCK_SKEW_MS = 2000

logger = logging.getLogger("sweep")


class Sweep:
    """Sweeps the due sessions, several at once. `absent_minutes` is the setting SPEAKER_ABSENT_MINUTES."""

    def __init__(
        self,
        due_sessions: "DueSessions",
        sessions: "SessionStore",
        connections: "ConnectionStore",
        bookkeeping: "SessionBookkeeping",
        presence: "SpeakerPresence",
        delivery: "Delivery",
        metrics: "SessionMetrics",
        executor: Executor,
        *,
        absent_minutes: int,
    ) -> None:
        self._due_sessions = due_sessions
        self._sessions = sessions
        self._connections = connections
        self._bookkeeping = bookkeeping
        self._presence = presence
        self._delivery = delivery
        self._metrics = metrics
        self._executor = executor
        self._absent_minutes = absent_minutes

    def __call__(self, now: int, *, time_left: Callable[[], int]) -> None:
        """Sweep the sessions that were due CLOCK_SKEW_MS before `now` (epoch ms).

        What `time_left` (ms) does not suffice for stays due. Raises ServiceUnavailable when the due sessions
        cannot be read.
        """
        now -= CLOCK_SKEW_MS

        def sweep(due: "DueSession") -> None:
            if time_left() < RESERVE_MS:
                return  # it stays due
            try:
                failure = None if self._sweep(due, now, time_left) else "Unfinished"
            except (ServiceUnavailable, UnreadableRow) as error:
                failure = type(error).__name__
            if failure:
                extra = {"sessionId": due.session_id, "reason": failure}
                logger.error("A session cannot be swept yet", extra=extra)
                with suppress(ServiceUnavailable):
                    self._bookkeeping.set_due(due.session_id, due.due_at, now // 1000 + RETRY_S)

        for page in self._due_sessions.pages(now):
            list(self._executor.map(sweep, page))

    def _sweep(self, due: "DueSession", now: int, time_left: Callable[[], int]) -> bool:
        """Return False if the session must be swept again."""
        session = self._sessions.get(due.session_id)
        if session is None or session.due_at != due.due_at:
            return True  # the index is behind the table
        if session.live(now) and session.status is not Status.ENDED:
            return self._check_speaker(session, due, now)
        # Its audience should be gone already if it has ended, but the stream's function may have failed.
        if not self._delivery.dismiss(session, session_ended(session), time_left=time_left):
            return False
        self._bookkeeping.set_due(session.id, due.due_at, None)
        return True

    def _check_speaker(self, session: Session, due: "DueSession", now: int) -> bool:
        # A $disconnect may have been lost, or a connection not yet counted: the rows decide.
        if self._presence(session, self._connections.of_session(session.id), now):
            return True
        due_at = session.next_due(self._absent_minutes)
        if due_at > now // 1000:  # the setting has changed
            self._bookkeeping.set_due(session.id, due.due_at, due_at)
            return True
        precondition = Precondition.of(
            ABANDON,
            action="end",
            speaker=session.speaker,
            now=now,
            absent_since=session.speaker_absent_since,
        )
        result = self._sessions.update(session.id, ABANDON, precondition)
        if not isinstance(result, Session):
            return False
        # The stream of the sessions table notifies and disconnects the listeners.
        self._metrics.session_ended(result)
        return True
