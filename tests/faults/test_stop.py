"""Stopping while the system starts: no process is left."""

import signal
import time
from pathlib import Path

import pytest

from scripts import local_system
from tests.system.conftest import OUTPUT, free_port, start, stop
from tests.system.processes import descendants


@pytest.mark.parametrize(
    "with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda sent: sent.name
)
def test_no_process_is_left_when_the_system_is_stopped_while_terraform_runs(
    tmp_path: Path, with_signal: signal.Signals
):
    process = start(tmp_path, free_port())
    deadline = time.monotonic() + 180
    while not any(member.name.startswith("terraform") for member in descendants(process.pid)):
        assert process.poll() is None, (tmp_path / OUTPUT).read_text()
        assert time.monotonic() < deadline, (tmp_path / OUTPUT).read_text()
        time.sleep(0.05)

    stop(process, with_signal)

    assert local_system.find(tmp_path) is None
    if with_signal != signal.SIGKILL:
        assert process.returncode == 0
        assert (tmp_path / OUTPUT).read_text().endswith("Stopped.\n")
