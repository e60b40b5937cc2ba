"""What the operators' commands share: exit codes, error output and progress output."""

import sys
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from scripts.errors import CommandError

FAILED = 1


def run(command: Callable[[], object]) -> int:
    """Run a command and return its exit code: 0 done, 1 failed, 2 refused before anything was changed.

    Print an error as a message on standard error. Errors that are neither AWS's nor a CommandError are bugs
    and are raised.
    """
    try:
        command()
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (ClientError, BotoCoreError) as error:
        print(f"AWS returned an error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return FAILED
    return 0


def report_progress(step: str) -> None:
    """Print the name of a slow step on standard error; standard output holds only results."""
    print(step, file=sys.stderr, flush=True)
