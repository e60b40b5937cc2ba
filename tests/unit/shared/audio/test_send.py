"""Sending a chunk of audio: who may, and when."""

from typing import Any

import pytest

from shared.audio.requests import NewAudio
from shared.audio.send import SendAudio
from shared.errors import (
    NotAuthorized,
    Refusal,
    ServiceUnavailable,
    SessionEnded,
    SessionNotFound,
    SessionPaused,
)
from shared.sessions.session import Status
from tests.support.audio import a_chunk
from tests.support.clock import Clock
from tests.support.memory_stores import MemoryAudioStream, MemorySessions
from tests.support.sessions import ALICE, BOB, NOW_S, a_session

CHUNK = a_chunk()
NEW = NewAudio(audio=CHUNK.audio, timestamp=CHUNK.timestamp, sequence=CHUNK.sequence)


class Harness:
    """The use case over stores in memory."""

    def __init__(self, stream: MemoryAudioStream | None = None, **session: Any) -> None:
        sessions = MemorySessions()
        sessions.rows[CHUNK.session.id] = a_session(**session)
        self.stream = stream or MemoryAudioStream()
        self.clock = Clock()
        self._send_audio = SendAudio(sessions, self.stream, self.clock)

    def send(
        self, new: NewAudio = NEW, *, speaker: str | None = ALICE, session_id: str = CHUNK.session.id
    ) -> None:
        self._send_audio(new, session_id=session_id, speaker=speaker)

    def refusal(self, **sent: Any) -> Refusal:
        """Return why a chunk is refused; the stream must not have it."""
        with pytest.raises(Refusal) as error:
            self.send(**sent)
        assert self.stream.chunks == []
        return error.value


def test_a_chunk_reaches_the_stream_with_its_session():
    harness = Harness()

    harness.send()

    assert harness.stream.chunks == [CHUNK]


def test_a_chunk_without_a_sequence_reaches_the_stream_without_one():
    harness = Harness()

    harness.send(NewAudio(audio=CHUNK.audio, timestamp=CHUNK.timestamp))

    assert harness.stream.chunks == [a_chunk(sequence=None)]


def test_a_repetition_reaches_the_stream_again():
    harness = Harness()

    harness.send()
    harness.send()

    assert harness.stream.chunks == [CHUNK, CHUNK]


@pytest.mark.parametrize("speaker", [BOB, None, ""])
def test_nobody_but_the_owner_sends_audio(speaker: str | None):
    refusal = Harness().refusal(speaker=speaker)

    assert (type(refusal), str(refusal)) == (NotAuthorized, "This connection may not send audioChunk")


@pytest.mark.parametrize("status", [Status.PAUSED, Status.ENDED])
def test_another_speaker_does_not_learn_the_status(status: Status):
    assert isinstance(Harness(status=status).refusal(speaker=BOB), NotAuthorized)


@pytest.mark.parametrize("session_id", ["holy-psalm-100", "", "not an id", "blessed-shepherd-427 "])
def test_an_unknown_session_is_not_found(session_id: str):
    assert isinstance(Harness().refusal(session_id=session_id), SessionNotFound)


def test_a_session_accepts_audio_until_the_second_in_which_it_expires():
    harness = Harness(expires_at=NOW_S + 10)
    harness.clock.now = (NOW_S + 10) * 1000 - 1
    harness.send()
    harness.stream.chunks.clear()
    harness.clock.now += 1

    assert isinstance(harness.refusal(), SessionNotFound)


def test_a_paused_session_accepts_no_audio():
    assert isinstance(Harness(status=Status.PAUSED).refusal(), SessionPaused)


def test_a_session_whose_status_this_release_does_not_know_accepts_no_audio():
    assert isinstance(Harness(status="rehearsal").refusal(), SessionPaused)


def test_an_ended_session_accepts_no_audio():
    assert isinstance(Harness(status=Status.ENDED).refusal(), SessionEnded)


def test_a_fault_of_the_stream_is_a_temporary_refusal():
    class Faulty(MemoryAudioStream):
        def put(self, chunk: object) -> None:
            raise ServiceUnavailable

    assert isinstance(Harness(Faulty()).refusal(), ServiceUnavailable)
