"""Starting and stopping: alone, on this machine only, and without leaving anything behind."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import local_system
from tests.system.conftest import System, free_port, start, stop
from tests.system.processes import descendants, listening_addresses

LOCALHOST = "0100007F"  # 127.0.0.1 in /proc/net/tcp


def run(work: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Start a system that is expected to refuse at once."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.local", "--port", str(port), "--work", str(work)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def test_nothing_listens_beyond_this_machine(system: System, path: str):
    running = descendants(system.process.pid)

    assert len(running) > 2, "the local AWS and a function run"
    assert listening_addresses(running) == {LOCALHOST}


def test_a_second_run_says_that_one_runs_and_where(system: System):
    second = run(system.work, free_port())

    assert second.returncode == 1
    assert "already running" in second.stderr
    assert system.url in second.stderr
    assert str(system.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_the_refused_second_run_leaves_the_first_alone(system: System):
    run(system.work, free_port())

    assert local_system.find(system.work) == system.running


@pytest.mark.parametrize("taken", ["the API's", "the console's"])
def test_a_taken_port_says_so_and_offers_another(tmp_path: Path, taken: str):
    port = free_port()
    held = port + (taken == "the console's")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", held))
        holder.listen()

        refused = run(tmp_path, port)

    assert refused.returncode == 1
    assert f"Port {held} is taken" in refused.stderr
    assert "PORT=" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    "with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sent: sent.name
)
def test_no_process_is_left_of_a_system_that_is_stopped_while_terraform_runs(
    tmp_path: Path, with_signal: signal.Signals
):
    process = start(tmp_path, free_port())
    deadline = time.monotonic() + 180
    while not any(member.name.startswith("terraform") for member in descendants(process.pid)):
        assert process.poll() is None, (tmp_path / "said").read_text()
        assert time.monotonic() < deadline, (tmp_path / "said").read_text()
        time.sleep(0.05)

    stop(process, with_signal)

    assert local_system.find(tmp_path) is None
    if with_signal != signal.SIGKILL:
        assert process.returncode == 0
        assert (tmp_path / "said").read_text().endswith("Stopped.\n")
