"""The local system as other commands see it: whether `make run` is running, its addresses, and its AWS.

`scripts.local` publishes its addresses here while it runs. Other commands read them here without importing
the emulator.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from scripts.errors import CommandError
from scripts.project import ROOT

DEFAULT_WORK = ROOT / "build" / "local"
"""The folder in which the local system keeps its lock, addresses, logs and unpacked functions."""

REGION = "us-east-1"

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_SESSION_TOKEN": "local",
}

_CLIENT_CONFIG = Config(connect_timeout=2, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"})


@dataclass(frozen=True)
class RunningSystem:
    """The addresses of a local system. It is still starting while `ready` is False."""

    pid: int
    url: str
    console_url: str
    aws_url: str = ""
    user_pool_id: str = ""
    user_pool_client_id: str = ""
    websocket_url: str = ""
    ready: bool = False


class NotRunning(CommandError):
    """No local system is running, or it is still starting."""


class AlreadyRunning(CommandError):
    """Another process holds the work folder; `system` is what it has published, if anything."""

    def __init__(self, system: RunningSystem | None) -> None:
        state = "starting" if system and not system.ready else "running"
        details = f": {system.url}, pid {system.pid}. To stop it: kill {system.pid}" if system else "."
        super().__init__(f"A local system is already {state} in this checkout{details}")
        self.system = system


@contextlib.contextmanager
def claim(work: Path) -> Iterator[None]:
    """Lock the work folder for this process. Raises AlreadyRunning.

    The kernel releases the lock when the process ends, however it ends.
    """
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_read(work)) from None
        try:
            yield
        finally:
            (work / "running.json").unlink(missing_ok=True)


def publish(work: Path, system: RunningSystem) -> None:
    """Write the addresses atomically, so that no reader sees half a file."""
    temporary = work / f"running.json.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(system), indent=2))
    temporary.rename(work / "running.json")


def find(work: Path = DEFAULT_WORK) -> RunningSystem | None:
    """Return the system that runs in a work folder, or None. A file left by a dead process does not count."""
    try:
        with (work / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _read(work)
    return None


def require(work: Path) -> RunningSystem:
    """Return the system that runs in a work folder. Raises NotRunning."""
    system = find(work)
    if system is None:
        raise NotRunning("No local system is running. Start it: make run")
    if not system.ready:
        raise NotRunning(
            f"The local system is still starting (pid {system.pid}). Try again when it is ready."
        )
    return system


def _read(work: Path) -> RunningSystem | None:
    try:
        return RunningSystem(**json.loads((work / "running.json").read_text()))
    except FileNotFoundError:
        return None


def aws_variables(aws_url: str) -> dict[str, str]:
    """Return the environment variables that direct any AWS SDK, the CLI and Terraform to the local AWS."""
    return {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def aws_client(service: str, aws_url: str, *, read_timeout: int = 20) -> Any:
    """Return a client of a service of the local AWS; `read_timeout` in seconds.

    The developer's own AWS settings are not used.
    """
    session: Any = boto3.Session("local", "local", "local", region_name=REGION)
    return session.client(
        service, endpoint_url=aws_url, config=_CLIENT_CONFIG.merge(Config(read_timeout=read_timeout))
    )
