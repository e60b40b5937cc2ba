"""`make listen`, as a process at a terminal."""

import itertools
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.eventually import eventually
from tests.system.in_process.conftest import TIMEOUT_S, Session

Listen = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def listen(session: Session) -> Iterator[Listen]:
    """Return a way to start the command. Processes that still run at the end are killed."""
    processes = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "scripts.operate.listen", session.id, *arguments]
        process = subprocess.Popen(
            [*command, "--work", str(session.local.work)],
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


def test_a_listener_receives_messages_until_the_end(session: Session, listen: Listen):
    process = listen("es")
    eventually(lambda: session.read()["listenerCount"] == 1)

    session.change(status="paused")
    eventually(lambda: session.read()["status"] == "paused")
    session.end()

    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    assert '"sessionEnded"' in out.splitlines()[-1]


def test_a_speaker_receives_the_audience(session: Session, listen: Listen):
    process = listen("--token", session.token)
    eventually(lambda: session.rows())
    session.listener("fr")
    # The count is stored before the speaker is notified of it, so the session ends only after the message.
    watchdog = threading.Timer(TIMEOUT_S, process.kill)
    watchdog.start()
    assert process.stdout
    before_end = list(itertools.takewhile(lambda line: '"listenerCount":1' not in line, process.stdout))
    watchdog.cancel()

    session.end()

    after, _ = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, before_end
    assert session.token not in "".join(before_end) + after


def test_ctrl_c_disconnects(session: Session, listen: Listen):
    process = listen("es")
    eventually(lambda: session.read()["listenerCount"] == 1)

    process.send_signal(signal.SIGINT)

    out, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Disconnected.\n")
    eventually(lambda: session.rows() == [])
