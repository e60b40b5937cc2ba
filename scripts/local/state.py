"""What runs in this checkout: a lock that the kernel releases with its process, and a note of where it is."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.project import ROOT

DEFAULT_WORK = ROOT / "build" / "local"


@dataclass(frozen=True)
class Running:
    """A system that runs, or that starts while `ready` is False."""

    pid: int
    url: str
    console_url: str
    aws_url: str = ""
    user_pool_id: str = ""
    user_pool_client_id: str = ""
    websocket_url: str = ""
    ready: bool = False


class AlreadyRuns(Exception):
    """Another system holds the work folder; `running` says which, as far as it has told."""

    def __init__(self, running: Running | None) -> None:
        super().__init__()
        self.running = running


@contextlib.contextmanager
def claim(work: Path) -> Iterator[None]:
    """Hold the work folder alone. Raises AlreadyRuns."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns(_read(work)) from None
        try:
            yield
        finally:
            (work / "running.json").unlink(missing_ok=True)


def tell(work: Path, running: Running) -> None:
    """Write down where the system is found; readers never see half of it."""
    half = work / f"running.json.{os.getpid()}"
    half.write_text(json.dumps(asdict(running), indent=2))
    half.rename(work / "running.json")


def find(work: Path) -> Running | None:
    """Return the system that runs, or None; a note that a dead process left behind is not one."""
    try:
        with (work / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _read(work)
    return None


def _read(work: Path) -> Running | None:
    try:
        return Running(**json.loads((work / "running.json").read_text()))
    except FileNotFoundError:
        return None
