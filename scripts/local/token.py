"""Print an access token of a local speaker on standard output: python -m scripts.local.token NAME."""

import argparse
import sys
from pathlib import Path

from scripts import command_line, local_system
from scripts.local.aws.user_pool import UserPool


def main(arguments: list[str] | None = None) -> int:
    """Print the token; 1 with the reason on standard error when there is none."""
    parser = argparse.ArgumentParser(prog="python -m scripts.local.token", description=__doc__)
    parser.add_argument("name", help="the speaker, who is created if unknown")
    parser.add_argument("--work", type=Path, default=local_system.DEFAULT_WORK, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    def print_token() -> None:
        system = local_system.require(options.work)
        user_pool = UserPool(system.aws_url, system.user_pool_id, system.user_pool_client_id)
        print(user_pool.access_token(options.name))

    return command_line.run(print_token)


if __name__ == "__main__":
    sys.exit(main())
