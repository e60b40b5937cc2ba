"""A share of a processor for a process, as Lambda gives a function one by its memory."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
MB_OF_ONE_PROCESSOR = 1769
INTERVAL_S = 0.005


def processors(memory_mb: int) -> float:
    """Return the processors that Lambda gives a function of this memory."""
    return memory_mb / MB_OF_ONE_PROCESSOR


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of another process: clock_getcpuclockid(3) in one line. Linux only."""
    return time.clock_gettime((~pid << 3) | 2)


@contextmanager
def cpu_quota(pid: int, share: float) -> Iterator[None]:
    """Stop the process for a while whenever it has used more than its share since the last look.

    A control group does the same, but needs root. What the process leaves unused is not saved up.
    """
    ended = threading.Event()

    def watch() -> None:
        looked_at, used = time.monotonic(), cpu_seconds(pid)
        while not ended.wait(INTERVAL_S):
            now, total = time.monotonic(), cpu_seconds(pid)
            excess = (total - used) - share * (now - looked_at)
            if excess > 0:
                os.kill(pid, signal.SIGSTOP)
                ended.wait(excess / share)
                os.kill(pid, signal.SIGCONT)
                now = time.monotonic()
            looked_at, used = now, total

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
