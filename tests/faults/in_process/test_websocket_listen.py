"""`make listen` and `make speak`, as processes at a terminal."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.faults.in_process.conftest import TIMEOUT_S, Session
from tests.support.eventually import eventually

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(session: Session) -> Iterator[Start]:
    """Return a way to start a command. Processes that still run at the end are killed."""
    processes = []

    def start(name: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", f"scripts.operate.{name}", session.id, *arguments]
        process = subprocess.Popen(
            [*command, "--work", str(session.local.work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Background jobs of a shell ignore Ctrl-C, and so do the processes that they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def listen(start: Start) -> Start:
    """Return a way to start `make listen`."""
    return lambda *arguments: start("listen", *arguments)


def lines_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Return what a process prints before a line with a text, without times. Raises AssertionError."""
    before: list[str] = []
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    assert process.stdout
    for line in process.stdout:
        if text in line:
            watchdog.cancel()
            return before
        before.append(line.partition("  ")[2].strip())
    raise AssertionError(f"{text!r} is not in {before}")


def test_a_listener_receives_messages_until_the_end(session: Session, listen: Start):
    process = listen("es")
    eventually(lambda: session.read()["listenerCount"] == 1)

    session.change(status="paused")
    eventually(lambda: session.read()["status"] == "paused")
    session.end()

    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    assert out.splitlines()[-1].endswith("  The session has ended: ended.")


def test_a_speaker_receives_the_audience(session: Session, listen: Start):
    process = listen("--token", session.token)
    eventually(lambda: session.rows())
    session.listener("fr")
    # The count is stored before the speaker is notified of it, so the session ends only after the message.
    before_end = lines_until(process, "1 listener: fr 1")

    session.end()

    after, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, before_end
    assert session.token not in "".join(before_end) + after


def test_what_is_typed_is_heard_in_the_listeners_language(session: Session, start: Start):
    listening, speaking = start("listen", "es"), start("speak", "--token", session.token)
    lines_until(listening, "Nothing has been said yet.")
    assert speaking.stdin

    speaking.stdin.write("Good morning\n")
    speaking.stdin.flush()
    lines_until(listening, "1 es  [es] Good morning")
    out, err = speaking.communicate("Let us begin", timeout=TIMEOUT_S)

    assert (speaking.returncode, err) == (0, "")
    assert "Type a line to publish it." in out
    lines_until(listening, "2 es  [es] Let us begin")
    captions = session.call("GET", f"{session.path}/captions").json()["captions"]
    assert [caption["text"] for caption in captions] == ["Good morning", "Let us begin"]


def test_who_speaks_is_told_what_was_refused_and_ends_by_ctrl_c(session: Session, start: Start):
    session.change(status="paused")
    speaking = start("speak", "--token", session.token)
    lines_until(speaking, "Type a line to publish it.")
    assert speaking.stdin

    speaking.stdin.write("Good morning\n")
    speaking.stdin.flush()
    lines_until(speaking, "Refused: Session is paused (SESSION_PAUSED)")
    assert speaking.poll() is None
    speaking.send_signal(signal.SIGINT)

    assert speaking.wait(TIMEOUT_S) == 0
    assert speaking.stdout
    assert "Disconnected." in speaking.stdout.read()


def test_ctrl_c_disconnects(session: Session, listen: Start):
    process = listen("es")
    eventually(lambda: session.read()["listenerCount"] == 1)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Disconnected.\n")
    eventually(lambda: session.rows() == [])
