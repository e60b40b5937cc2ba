"""Waiting for what happens in another thread or process."""

import time
from collections.abc import Callable

DEADLINE_S = 60.0
"""After so long a test fails instead of waiting for ever."""


def eventually(holds: Callable[[], object], *, interval_s: float = 0.02) -> None:
    """Wait until a condition holds, tried once per interval. Raises AssertionError after DEADLINE_S."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s"
        time.sleep(interval_s)
