"""What we start ends with us, however we end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import processes
from scripts.project import ROOT

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
time.sleep(60)
"""

PARENT = """
import sys
from scripts import processes
child = processes.spawn([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
sys.stdin.read()
"""


def _ended(pid: int, *, within: float = 3.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_stopping_ends_a_child_that_ignores_it_and_its_children(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(processes, "_STOP_SECONDS", 0.2)
    child = processes.spawn([sys.executable, "-c", STUBBORN], pipe=True)
    assert child.stdout is not None
    with child.stdout:
        grandchild = int(child.stdout.readline())

    processes.stop(child)

    assert child.returncode == -signal.SIGKILL
    assert _ended(grandchild)


def test_stopping_twice_is_harmless():
    child = processes.spawn([sys.executable, "-c", "pass"])

    processes.stop(child)
    processes.stop(child)

    assert child.returncode is not None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_a_child_ends_when_we_are_killed_hard():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())

        parent.kill()

    assert _ended(child)
