"""The parts of scripts/build/package.py."""


class BuildError(Exception):
    """Why nothing was built, as one sentence for the person who asked."""
