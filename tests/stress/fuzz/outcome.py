"""The outcome of a fuzzer."""

from collections import Counter
from typing import NamedTuple


class Outcome(NamedTuple):
    """Whether a fuzzer found nothing, and what it did."""

    passed: bool
    summary: str


def print_statuses(counts: Counter[tuple[str, int]]) -> None:
    """Print a line for each route with the number of responses by status."""
    for route in sorted({route for route, _ in counts}):
        by_status = sorted((status, count) for (one, status), count in counts.items() if one == route)
        print(f"  {route:30} " + "  ".join(f"{status}: {count:,}" for status, count in by_status))
