"""The whole system, run as `make run` runs it, once for all tests of this tier, with ports of its own."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts import local_system
from tests.system import credentials
from tests.system.processes import descendants, wait_until_gone

LAST = "test_logs.py"
OUTPUT = "output.log"
READY_WITHIN_S = 300  # make run is promised in 60 s, on a machine that does nothing else
TIMEOUT_S = 30


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test that reads the logs last."""
    items.sort(key=lambda item: item.path.name == LAST)


def free_port() -> int:
    """Return a port that is free, and the next one too."""
    while True:
        # Below those that connections take, for a minute goes by until the system listens.
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as one, socket.socket() as next_one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            next_one.bind(("127.0.0.1", port + 1))
            return port


def start(work: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the local system as make run does; its output is in output.log in its work folder."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / OUTPUT).open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.local", "--port", str(port), "--work", str(work)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], with_signal: int) -> None:
    """Send the signal, and wait until no process of the system is left. Raises AssertionError."""
    started = descendants(process.pid)
    process.send_signal(with_signal)
    process.wait(TIMEOUT_S)
    assert wait_until_gone(started, seconds=30) == []


@dataclass(frozen=True)
class System:
    """The local system while it runs."""

    process: subprocess.Popen[bytes]
    work: Path
    running: local_system.RunningSystem

    @property
    def url(self) -> str:
        """The URL of the API."""
        return self.running.url

    def token(self, name: str) -> str:
        """Return the token that the command prints for a speaker."""
        return subprocess.run(
            [sys.executable, "-m", "scripts.local.token", name, "--work", str(self.work)],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        ).stdout.strip()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Start the system; when all tests are done, stop it as by Ctrl-C, and check that no process is left."""
    work = tmp_path_factory.mktemp("local")
    process = start(work, free_port())
    try:
        deadline = time.monotonic() + READY_WITHIN_S
        while (running := local_system.find(work)) is None or not running.ready:
            output = (work / OUTPUT).read_text()
            assert process.poll() is None, output
            assert time.monotonic() < deadline, output
            time.sleep(0.2)
        yield System(process, work, running)
        stop(process, signal.SIGINT)
        assert process.returncode == 0, (work / OUTPUT).read_text()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait(TIMEOUT_S)


@pytest.fixture(scope="session")
def alice(system: System) -> str:
    """Return Alice's token."""
    return system.token("alice")


@pytest.fixture(scope="session")
def bob(system: System) -> str:
    """Return Bob's token."""
    return system.token("bob")


@pytest.fixture(scope="session")
def genuine(system: System) -> credentials.Genuine:
    """Return tokens that Cognito has issued: an owner's, and those that are good elsewhere."""
    return credentials.issue(system.running)


Call = Callable[..., requests.Response]


@pytest.fixture
def call(system: System) -> Call:
    """Return a way to send a request: call(method, path, token=..., **options of requests).

    A throttled request is sent again, as clients do.
    """

    def call(method: str, path: str, *, token: str | None = None, **sent: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent["headers"] = headers | sent.get("headers", {})
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            response = requests.request(method, f"{system.url}{path}", timeout=TIMEOUT_S, **sent)
            if response.status_code != 429 or time.monotonic() > deadline:
                return response
            time.sleep(0.5)

    return call


@pytest.fixture
def opened(call: Call, alice: str) -> requests.Response:
    """Create a session of Alice's."""
    response = call("POST", "/sessions", token=alice, json={"sourceLanguage": "en"})
    assert response.status_code == 201, response.text
    return response


@pytest.fixture
def path(opened: requests.Response) -> str:
    """Return the path of a session of Alice's."""
    return opened.headers["Location"]
