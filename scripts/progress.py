"""Progress of what takes longer than two seconds."""

import sys


def progress(step: str) -> None:
    """Print a step on standard error, where it does not mix with what is piped on."""
    print(step, file=sys.stderr, flush=True)
