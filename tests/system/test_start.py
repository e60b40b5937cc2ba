"""Starting: one system at a time, and on 127.0.0.1 only."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import local_system
from tests.system.conftest import System, free_port
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


def test_a_second_run_reports_the_first(system: System):
    second = run(system.work, free_port())

    assert second.returncode == 1
    assert "already running" in second.stderr
    assert system.url in second.stderr
    assert str(system.process.pid) in second.stderr
    assert "Traceback" not in second.stderr


def test_a_refused_second_run_does_not_affect_the_first(system: System):
    run(system.work, free_port())

    assert local_system.find(system.work) == system.running


@pytest.mark.parametrize("taken", ["the API's", "the console's"])
def test_a_taken_port_is_reported_with_a_free_one(tmp_path: Path, taken: str):
    port = free_port()
    taken_port = port + (taken == "the console's")
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", taken_port))
        holder.listen()

        refused = run(tmp_path, port)

    assert refused.returncode == 1
    assert f"Port {taken_port} is taken" in refused.stderr
    assert "PORT=" in refused.stderr
    assert "Traceback" not in refused.stderr
