"""Print a token of a local speaker, alone on standard output: python -m scripts.local.token NAME."""

import argparse
import sys
from pathlib import Path

import botocore.exceptions

from scripts import local_system
from scripts.local import speakers


def main(arguments: list[str] | None = None) -> int:
    """Print the token; 1 with the reason on standard error when there is none to be had."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local.token", description=__doc__)
    parser.add_argument("name", help="the speaker; made when unknown")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    running = local_system.find(chosen.work)
    if running is None:
        return _refuse("Nothing runs here: start it with make run")
    if not running.ready:
        return _refuse(f"The local system is still starting (pid {running.pid}): try again when it is ready")
    try:
        print(
            speakers.token(
                chosen.name,
                aws_url=running.aws_url,
                user_pool_id=running.user_pool_id,
                client_id=running.user_pool_client_id,
            )
        )
    except speakers.BadName as problem:
        return _refuse(str(problem))
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as problem:
        return _refuse(f"The local user pool did not answer: {problem}")
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
