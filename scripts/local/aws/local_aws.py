"""The local AWS: moto in a process of its own."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts import processes
from scripts.errors import CommandError


class AwsFailed(CommandError):
    """The local AWS did not start, or ended."""


@dataclass(frozen=True)
class LocalAws:
    """A local AWS that runs."""

    process: subprocess.Popen[bytes]
    url: str


@contextlib.contextmanager
def running(
    log: Path, streams_url: str, invoke_url: str = "", calls: Path = Path(os.devnull)
) -> Iterator[LocalAws]:
    """Run moto while the context lasts. Raises AwsFailed.

    It posts the records of table streams to `streams_url`, forwards invocations of functions to the InvokeApi
    at `invoke_url`, and writes the calls of functions to `calls`.
    """
    command = [sys.executable, "-m", "scripts.local.aws.moto_server", streams_url, invoke_url, str(calls)]
    with log.open("wb") as output:
        process = processes.spawn(command, output=output, pipe=True)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        with process.stdout:
            word, _, url = process.stdout.readline().decode().strip().partition(" ")
        if word != "ready":
            raise AwsFailed(f"The local AWS did not start; see {log}")
        yield LocalAws(process, url)
    finally:
        processes.stop(process)
