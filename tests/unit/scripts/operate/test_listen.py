"""`make listen`: what it prints, when it fails too."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.operate import listen, session_socket
from tests.support.session_service import SESSION, SessionService, serving

JOINED = {
    "type": "sessionJoined", "sessionId": SESSION, "connectionId": "abc=", "role": "listener",
    "targetLanguage": "es", "sourceLanguage": "en", "qualityTier": "standard", "status": "active",
    "version": 1, "listenerCount": 1, "timestamp": 1,
}  # fmt: skip
CAPTION = {"sequence": 2, "language": "es", "text": "Buenos días", "sourceLanguage": "en", "translated": True}
UPDATED = {
    "type": "sessionUpdated", "sessionId": SESSION, "status": "paused", "sourceLanguage": "en",
    "qualityTier": "standard", "version": 2, "timestamp": 2,
}  # fmt: skip
ENDED = {"type": "sessionEnded", "sessionId": SESSION, "reason": "ended", "timestamp": 3}

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _sockets(socket_enabled: None) -> None:
    """These tests are about real sockets on 127.0.0.1."""


@pytest.fixture
def service() -> SessionService:
    service = SessionService()
    service.messages = [UPDATED, ENDED]
    return service


@pytest.fixture
def run(service: SessionService, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run the command where the service runs; return its exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = listen.main([*arguments, "--work", str(tmp_path)])
        output = capsys.readouterr()
        return code, output.out, output.err

    with serving(service, tmp_path):
        yield call


def test_what_a_listener_receives_is_printed_until_the_end(run: Run, service: SessionService):
    captions = {"type": "captions", "captions": [CAPTION], "timestamp": 1}
    caption = {"type": "caption", "sessionId": SESSION, **CAPTION, "sequence": 3, "timestamp": 2}
    service.messages = [JOINED, captions, caption, UPDATED, ENDED]

    code, out, err = run(SESSION, "es")

    assert (code, err) == (0, "")
    assert [line.partition("  ")[2] for line in out.splitlines()] == [
        f"Connected as listener to {SESSION}, which is active: spoken in en, 1 listener. Ctrl-C disconnects.",
        "2 es  Buenos días",
        "3 es  Buenos días",
        "The session is paused, spoken in en, standard.",
        "The session has ended: ended.",
    ]
    assert service.query == {"sessionId": SESSION, "targetLanguage": "es"}


def test_a_speaker_gives_a_token_and_no_language(run: Run, service: SessionService):
    code, _, _ = run(SESSION, "--token", "abc")

    assert code == 0
    assert service.query == {"sessionId": SESSION, "token": "abc"}


def test_heartbeats_keep_the_connection(run: Run, service: SessionService, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session_socket, "HEARTBEAT_SECONDS", 0.05)
    service.messages = []
    service.answer = lambda _: [{"type": "heartbeatAck", "timestamp": 1}, ENDED]

    code, out, _ = run(SESSION, "es")

    assert service.received == [{"action": "heartbeat"}]
    assert (code, len(out.splitlines())) == (0, 1)


@pytest.mark.parametrize(
    ("session", "message"),
    [(None, f"There is no session {SESSION}"), ({"status": "ended"}, f"{SESSION} has ended")],
)
def test_a_session_that_has_ended_or_does_not_exist_is_reported(
    run: Run, service: SessionService, session: Any, message: str
):
    service.session = session

    code, out, err = run(SESSION, "es")

    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "language"),
        (401, "token"),
        (404, "no session"),
        (410, "has ended"),
        (429, "Too many"),
        (503, "full"),
        (502, "502"),
    ],
)
def test_a_refused_handshake_is_explained(run: Run, service: SessionService, status: int, message: str):
    service.refusal = status

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert message in err


def test_a_closed_connection_is_not_the_end_of_the_session(run: Run, service: SessionService):
    service.messages = [UPDATED]

    code, _, err = run(SESSION, "es")

    assert code == 1
    assert "the session has not ended" in err


def test_without_a_running_system_it_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    code = listen.main([SESSION, "es", "--work", str(tmp_path)])

    assert code == 1
    assert "make run" in capsys.readouterr().err


def test_a_service_that_does_not_answer_is_reported(capsys: pytest.CaptureFixture[str]):
    nowhere = ["--url", "http://127.0.0.1:9", "--websocket-url", "ws://127.0.0.1:9/ws"]

    code = listen.main([SESSION, "es", *nowhere])

    assert code == 1
    assert "does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[SESSION], [SESSION, "es", "--url", "https://api.example"]])
def test_incomplete_arguments_are_refused(arguments: list[str]):
    with pytest.raises(SystemExit) as refused:
        listen.main(arguments)

    assert refused.value.code == 2
