"""Print an access token of a local speaker on standard output: python -m scripts.local.token NAME."""

import argparse
import sys
from pathlib import Path

import botocore.exceptions

from scripts import local_system
from scripts.local.aws.user_pool import InvalidName, UserPool


def main(arguments: list[str] | None = None) -> int:
    """Print the token; 1 with the reason on standard error when there is none."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local.token", description=__doc__)
    parser.add_argument("name", help="the speaker, who is created if unknown")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    system = local_system.find(options.work)
    if system is None:
        return _fail("No local system is running. Start it: make run")
    if not system.ready:
        return _fail(f"The local system is still starting (pid {system.pid}). Try again when it is ready.")
    try:
        user_pool = UserPool(system.aws_url, system.user_pool_id, system.user_pool_client_id)
        print(user_pool.access_token(options.name))
    except InvalidName as problem:
        return _fail(str(problem))
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as problem:
        return _fail(f"The local user pool did not answer: {problem}")
    return 0


def _fail(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
