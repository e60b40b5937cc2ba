"""One system per checkout, and how other commands find it."""

from pathlib import Path

import pytest

from scripts import local_system
from scripts.local_system import RunningSystem

RUNNING = RunningSystem(pid=1, url="http://127.0.0.1:1", console_url="http://127.0.0.1:2", ready=True)


def test_a_system_is_found_only_while_it_runs(tmp_path: Path):
    with local_system.claim(tmp_path):
        local_system.publish(tmp_path, RUNNING)
        system = local_system.find(tmp_path)

    assert system == RUNNING
    assert local_system.find(tmp_path) is None


def test_a_second_system_is_refused_and_gets_the_addresses_of_the_first(tmp_path: Path):
    with local_system.claim(tmp_path):
        local_system.publish(tmp_path, RUNNING)

        with pytest.raises(local_system.AlreadyRunning) as refused, local_system.claim(tmp_path):
            pass

        assert refused.value.system == RUNNING
        assert local_system.find(tmp_path) == RUNNING


def test_a_file_left_by_a_dead_process_is_not_a_system(tmp_path: Path):
    (tmp_path / "lock").touch()
    local_system.publish(tmp_path, RUNNING)

    assert local_system.find(tmp_path) is None
    with local_system.claim(tmp_path):
        pass


def test_no_system_is_found_in_an_unknown_folder(tmp_path: Path):
    assert local_system.find(tmp_path / "nowhere") is None
