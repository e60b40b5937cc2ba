"""The error of every part of the build."""


class BuildError(Exception):
    """The reason why nothing was built, as a sentence for the terminal."""
