"""Whether the speaker of a session is connected, and the messages to listeners about it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from shared.audience.connection import Connection, Role
from shared.audience.messages import speaker_absent
from shared.sessions.session import Session, Status

if TYPE_CHECKING:
    from shared.audience.delivery import Delivery
    from shared.audience.ports import SessionBookkeeping

# Listeners are not notified of shorter absences: a browser that loses its network reconnects within seconds.
ANNOUNCED_AFTER_MS = 10_000


class SpeakerPresence:
    """Keeps the presence in the session's row equal to the rows of connections.

    `absent_minutes` is the setting SPEAKER_ABSENT_MINUTES.
    """

    def __init__(self, bookkeeping: "SessionBookkeeping", *, absent_minutes: int) -> None:
        self._bookkeeping = bookkeeping
        self._absent_minutes = absent_minutes

    def __call__(self, session: Session, rows: Iterable[Connection], now: int) -> bool:
        """Write whether a speaker is connected according to all rows of the session's id at `now` (epoch ms).

        Return whether that had to be written. Raises ServiceUnavailable.
        """
        if session.status is Status.ENDED or not session.live(now):
            return False
        until = max((row.expires_at for row in rows if _is_speaker(row, session, now)), default=None)
        if until == session.speaker_connected_until:
            return False
        absent_since = now if until is None else None
        changed = replace(session, speaker_connected_until=until, speaker_absent_since=absent_since)
        due_at = changed.next_due(self._absent_minutes)
        if until is None:
            self._bookkeeping.set_speaker_absent(session, since=now, due_at=due_at)
        else:
            self._bookkeeping.set_speaker_connected(session, since=now, until=until, due_at=due_at)
        return True


class AnnounceAbsence:
    """Notify listeners that the speaker has been absent for ANNOUNCED_AFTER_MS.

    `clock` returns epoch milliseconds, `absent_minutes` is the setting SPEAKER_ABSENT_MINUTES.
    """

    def __init__(
        self,
        bookkeeping: "SessionBookkeeping",
        delivery: "Delivery",
        *,
        absent_minutes: int,
        clock: Callable[[], int],
        sleep: Callable[[float], None],
    ) -> None:
        self._bookkeeping = bookkeeping
        self._delivery = delivery
        self._absent_minutes = absent_minutes
        self._clock = clock
        self._sleep = sleep

    def __call__(self, old: Session | None, new: Session | None, *, time_left: Callable[[], int]) -> None:
        """Wait until the absence that begins in `new` is long enough, and notify listeners if it still lasts.

        All absences wait equally long, so the first one of a batch is also the first to be announced.
        Raises ServiceUnavailable.
        """
        if new is None or new.speaker_absent_since is None:
            return
        if old is not None and old.speaker_absent_since == new.speaker_absent_since:
            return
        wait_ms = new.speaker_absent_since + ANNOUNCED_AFTER_MS - self._clock()
        if wait_ms > 0:
            # No longer, whatever the row says: its shard waits too.
            self._sleep(min(wait_ms, ANNOUNCED_AFTER_MS) / 1000)
        now = self._clock()
        # A write rather than a read, because the speaker may return now: then either this write fails, or the
        # record of the return shows that listeners must be notified of it too.
        session = self._bookkeeping.set_absence_announced(new, now)
        if session is None or not session.live(now):
            return
        message = speaker_absent(new.speaker_absent_since, session.abandoned_at(self._absent_minutes))
        self._delivery.send(session, message, only=Role.LISTENER, time_left=time_left)


def _is_speaker(row: Connection, session: Session, now: int) -> bool:
    return (
        row.role is Role.SPEAKER and row.belongs_to(session) and row.admitted_at is not None and row.live(now)
    )
