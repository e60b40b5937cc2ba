"""Processes that cannot outlive us: asked to stop, then killed, and killed by the kernel when we are."""

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
    """Return a `preexec_fn` that has the kernel end the child with us; None where only Linux knows how.

    The child is bound to the *thread* that started it.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded before the fork, not in the child
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal_number))
        if os.getppid() != parent:  # we died between the fork and the line above
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
    """Start a command in a session of its own: Ctrl-C reaches us alone, and we stop things in order."""
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


def stop(child: subprocess.Popen[bytes]) -> None:
    """End a child and all that it started; harmless when it has ended already."""
    if child.poll() is None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
