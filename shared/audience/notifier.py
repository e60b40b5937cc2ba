"""Notify connected clients when their session changes or ends, and disconnect them when it ends."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from shared.audience.connection import Role
from shared.audience.messages import session_ended, session_updated, speaker_returned
from shared.sessions.session import Session, Status

if TYPE_CHECKING:
    from shared.audience.delivery import Delivery
    from shared.audience.ports import SessionBookkeeping
    from shared.sessions.ports import SessionReader

Change = tuple[Session | None, Session | None]
"""A session before and after a write; None where it does not exist."""


class Notifier:
    """Handles the changes of one session."""

    def __init__(
        self, sessions: "SessionReader", bookkeeping: "SessionBookkeeping", delivery: "Delivery"
    ) -> None:
        self._sessions = sessions
        self._bookkeeping = bookkeeping
        self._delivery = delivery

    def __call__(self, changes: Sequence[Change], *, time_left: Callable[[], int]) -> None:
        """Notify clients of successive changes, as far as later ones do not supersede them.

        `time_left` returns the milliseconds available. Raises ServiceUnavailable when some clients could not
        be reached in time.
        """
        for old, new in changes:
            if old and (new is None or new.created_at != old.created_at):
                # The session has expired: its row was deleted, or a new session has taken its id.
                self._delivery.dismiss(old, session_ended(old), time_left=time_left)
        newest = changes[-1][1]
        if newest is None:
            return
        before = [old for old, _ in changes if old and old.created_at == newest.created_at]
        if newest.status is not Status.ENDED:
            self._notify(before, newest, time_left)
        elif any(old.status is not Status.ENDED for old in before):
            self._end(newest, time_left)

    def _end(self, session: Session, time_left: Callable[[], int]) -> None:
        all_closed = self._delivery.dismiss(session, session_ended(session), time_left=time_left)
        if all_closed and session.due_at is not None:
            # The scheduled function need not look at it any more.
            self._bookkeeping.set_due(session.id, session.due_at, None)

    def _notify(self, before: Sequence[Session], newest: Session, time_left: Callable[[], int]) -> None:
        """Send what has changed since the sessions `before`, unless it has changed again."""
        updated = any(old.version != newest.version for old in before)
        returned = any(old.absence_announced_at is not None for old in before)
        if not (updated or returned):
            return
        # Records may be late. One who is about to be notified of a later change is not notified of this one.
        current = self._sessions.get(newest.id)
        if current is None or current.created_at != newest.created_at:
            return
        if updated and current.version == newest.version:
            self._delivery.send(current, session_updated(current), time_left=time_left)
        if returned and current.speaker_connected_since is not None and current.status is not Status.ENDED:
            message = speaker_returned(current.speaker_connected_since)
            self._delivery.send(current, message, only=Role.LISTENER, time_left=time_left)
