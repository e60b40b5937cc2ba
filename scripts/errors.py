"""Errors that end an operator's command: the message is printed, and the class gives the exit code."""


class CommandError(Exception):
    """Base class of the errors that a command prints as a sentence."""

    exit_code = 1


class StepFailed(CommandError):
    """A step began and failed. The message describes the state that it left."""


class PreconditionFailed(CommandError):
    """The command was refused before it changed anything. The message says what to do about it."""

    exit_code = 2
