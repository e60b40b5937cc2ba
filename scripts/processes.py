"""Processes that do not outlive this one. The kernel kills them when this process is killed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from scripts.project import ROOT

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STOP_SECONDS = 3.0


def die_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Return a `preexec_fn` by which the kernel signals the process when this one ends; None except on Linux.

    The process is bound to the *thread* that started it.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork, not after it
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != parent:  # the parent ended between the fork and the line above
            os._exit(1)

    return bind


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    output: IO[bytes] | None = None,
    pipe: bool = False,
    on_parent_death: int = signal.SIGKILL,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C reaches this process only."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipe else output,
        stderr=output,
        start_new_session=True,
        preexec_fn=die_with_parent(on_parent_death),
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started. It does not matter whether it has ended already."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
