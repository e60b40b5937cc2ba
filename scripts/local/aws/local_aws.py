"""The local AWS: moto in a process of its own."""

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from scripts.local import processes

if TYPE_CHECKING:
    import subprocess


class AwsFailed(Exception):
    """The local AWS did not start."""


def start(
    log: IO[bytes], streams_url: str, calls: Path = Path(os.devnull)
) -> "tuple[subprocess.Popen[bytes], str]":
    """Start moto; return its process and its URL.

    It posts what is written to tables to `streams_url`, and notes in `calls` what functions ask of tables.
    Raises AwsFailed.
    """
    command = [sys.executable, "-m", "scripts.local.aws.moto_server", streams_url, str(calls)]
    process = processes.spawn(command, output=log, pipe=True)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout:
        word, _, url = process.stdout.readline().decode().strip().partition(" ")
    if word != "ready":
        processes.stop(process)
        raise AwsFailed(f"The local AWS did not start; see {log.name}")
    return process, url
