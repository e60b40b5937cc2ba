"""Publish a caption: make it the last one of its session, from which it is translated and delivered."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.audience.connection import SessionRef
from shared.captions.caption import MINUTE_S, Caption
from shared.errors import (
    FieldError,
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    SessionEnded,
    SessionPaused,
)
from shared.sessions.get import GetSession
from shared.sessions.session import Session, Status

if TYPE_CHECKING:
    from shared.captions.caption import PublishRefused
    from shared.captions.ports import LiveCaptions
    from shared.captions.requests import NewCaption
    from shared.sessions.ports import SessionReader


class PublishCaption:
    """Publish a caption. `clock` returns epoch milliseconds.

    `characters_per_minute` is the setting CAPTION_CHARACTERS_PER_MINUTE; 0 turns the limit off.
    """

    def __init__(
        self,
        sessions: "SessionReader",
        live_captions: "LiveCaptions",
        clock: Callable[[], int],
        *,
        characters_per_minute: int,
    ) -> None:
        self._get_session = GetSession(sessions, clock)
        self._live_captions = live_captions
        self._clock = clock
        self._characters_per_minute = characters_per_minute

    def __call__(self, new: "NewCaption", *, session_id: str, speaker: str | None) -> None:
        """Publish the caption in the session, which `speaker` must own; None may speak in every session.

        A repeat of the session's last caption changes nothing and succeeds, also while the session is paused.
        Raises SessionNotFound, NotAuthorized, SessionEnded, SessionPaused, RateLimited, ServiceUnavailable,
        and InvalidRequest if the sequence is not above the last one.
        """
        session = self._get_session(session_id)
        if speaker not in (None, session.speaker):
            raise NotAuthorized("publishCaption")
        if session.status is Status.ENDED:
            raise SessionEnded
        caption = _caption(new, session, self._clock())
        if session.status is not Status.ACTIVE:
            last = self._live_captions.last(caption.session)
            if last is None or not caption.repeats(last):
                raise SessionPaused
            return
        refused = self._live_captions.publish(caption, characters_per_minute=self._characters_per_minute)
        if refused:
            _require_repeat(caption, refused)


def _caption(new: "NewCaption", session: Session, now: int) -> Caption:
    spoken_at = now if new.spoken_at is None else new.spoken_at
    return Caption(
        session=SessionRef(session.id, session.created_at),
        sequence=new.sequence,
        text=new.text,
        source_language=session.source_language,
        # A browser's clock may be wrong by hours, and what was said is not lost for that.
        spoken_at=max(session.created_at, min(spoken_at, now)),
        published_at=now,
        expires_at=session.expires_at,
    )


def _require_repeat(caption: Caption, refused: "PublishRefused") -> None:
    """Raise why the caption was refused, unless it is the last one: the SDK or the client repeats it."""
    last = refused.last
    if last is None or caption.sequence > last.sequence:
        next_minute_s = (refused.minute + 1) * MINUTE_S
        raise RateLimited(max(1, next_minute_s - caption.published_at // 1000))
    if not caption.repeats(last):
        raise InvalidRequest(
            FieldError("sequence", f"sequence must be above {last.sequence}, that of the last caption")
        )
