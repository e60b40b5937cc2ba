"""The time of day, in the unit that the service stores and sends."""

import time


def now_ms() -> int:
    """Return the current time in epoch milliseconds."""
    return time.time_ns() // 1_000_000
