"""Processes end with the process that has started them, however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import processes
from scripts.project import ROOT
from tests.support.eventually import eventually

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "600"])
print(child.pid, flush=True)
time.sleep(600)
"""

PARENT = """
import sys
from scripts import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def _ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # Linux only
    return stat.exists() and stat.read_text().split()[2] == "Z"


def test_stopping_ends_a_process_that_ignores_sigterm_and_its_children(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.2)
    child = processes.spawn([sys.executable, "-c", STUBBORN], pipe=True)
    assert child.stdout is not None
    with child.stdout:
        grandchild = int(child.stdout.readline())

    processes.stop(child)

    assert child.returncode == -signal.SIGKILL
    eventually(lambda: _ended(grandchild))


def test_stopping_twice_is_harmless():
    child = processes.spawn([sys.executable, "-c", "pass"])

    processes.stop(child)
    processes.stop(child)

    assert child.returncode is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_process_ends_when_its_parent_is_killed():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        parent.kill()

    eventually(lambda: _ended(child))
