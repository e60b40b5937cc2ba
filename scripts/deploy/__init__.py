"""From a build to an environment: plan, apply, roll out in steps, roll back."""

import sys


def progress(step: str) -> None:
    """Say what takes longer than two seconds, where it does not mix with what is piped on."""
    print(step, file=sys.stderr, flush=True)


class Refused(Exception):
    """Something that only the operator can put right; the message says what and how. Nothing was changed."""


class Failed(Exception):
    """A step was begun and did not succeed; the message says how things are now."""
