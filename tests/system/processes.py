"""The descendants of a process and the addresses that it listens on, read from /proc."""

import time
from pathlib import Path
from typing import NamedTuple

LISTENING = "0A"


class Process(NamedTuple):
    """A process; its start time tells it from a later one with the same pid."""

    pid: int
    began: str
    name: str


def _process(pid: int) -> tuple[int, Process] | None:
    """Return the pid of the parent, and the process; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] == "Z":
        return None
    return int(fields[1]), Process(pid, fields[19], name)


def descendants(pid: int) -> list[Process]:
    """Return the process and its running descendants."""
    known = [_process(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    alive = [process for process in known if process]
    family = [process for _, process in alive if process.pid == pid]
    for member in family:  # grows while it is walked
        family += [process for parent, process in alive if parent == member.pid]
    return family


def wait_until_gone(processes: list[Process], *, seconds: float) -> list[Process]:
    """Wait for processes to end; return those that have not."""
    deadline = time.monotonic() + seconds
    while True:
        left = [
            process for process in processes if (current := _process(process.pid)) and current[1] == process
        ]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def listening_addresses(processes: list[Process]) -> set[str]:
    """Return the addresses, as /proc/net/tcp writes them, that the processes listen on."""
    links = [
        str(link.readlink()) for process in processes for link in Path(f"/proc/{process.pid}/fd").iterdir()
    ]
    inodes = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == LISTENING and row[9] in inodes}
