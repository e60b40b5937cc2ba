"""Send a chunk of the speaker's audio to the stream from which speech is recognized."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from shared.audience.connection import SessionRef
from shared.audio.chunk import AudioChunk
from shared.errors import NotAuthorized, SessionEnded, SessionPaused
from shared.sessions.get import GetSession
from shared.sessions.session import Status

if TYPE_CHECKING:
    from shared.audio.ports import AudioStream
    from shared.audio.requests import NewAudio
    from shared.sessions.ports import SessionReader


class SendAudio:
    """Send a chunk. `clock` returns epoch milliseconds."""

    def __init__(self, sessions: "SessionReader", stream: "AudioStream", clock: Callable[[], int]) -> None:
        self._get_session = GetSession(sessions, clock)
        self._stream = stream

    def __call__(self, new: "NewAudio", *, session_id: str, speaker: str | None) -> None:
        """Put the chunk on the stream for the session, which `speaker` must own.

        Raises SessionNotFound, NotAuthorized, SessionEnded, ServiceUnavailable, and SessionPaused, because
        what is said during a pause must not be heard later either.
        """
        session = self._get_session(session_id)
        if session.speaker != speaker:
            raise NotAuthorized("audioChunk")
        if session.status is Status.ENDED:
            raise SessionEnded
        if session.status is not Status.ACTIVE:
            raise SessionPaused
        self._stream.put(
            AudioChunk(
                session=SessionRef(session.id, session.created_at),
                sequence=new.sequence,
                timestamp=new.timestamp,
                audio=new.audio,
            )
        )
