"""Cold starts of several builds against the bare peer, in one run: what a change costs or brings.

python -m tests.stress.benchmarks.compare [--rounds 15] before=DIST after=DIST ...

DIST is a folder that `python -m scripts.build --out DIST` has written.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from scripts.docs.markdown import markdown_table
from tests.stress.benchmarks import contenders, peers_packages
from tests.stress.benchmarks.__main__ import print_progress
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.lambda_runtime import measure
from tests.stress.benchmarks.report import machine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.benchmarks.compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("builds", nargs="+", metavar="NAME=DIST")
    options = parser.parse_args()
    builds = {name: Path(dist) for name, _, dist in (build.partition("=") for build in options.builds)}
    ratios = measure_ratios(builds, options.rounds)
    rows = [
        (operation, *(f"{statistics.median(ratios[operation, name]):.2f}" for name in builds))
        for operation in contenders.OPERATIONS
    ]
    print(f"Cold CPU of bare; {options.rounds} rounds; {machine()}\n")
    print(markdown_table(("function", *builds), rows))
    return 0


def measure_ratios(builds: dict[str, Path], rounds: int) -> dict[tuple[str, str], list[float]]:
    """Return by operation and build the cold CPU time as a multiple of bare's, one per round."""
    python = peers_packages.python(peers_packages.installed())
    ratios: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as name, CannedDynamoDB() as dynamodb:
        folder = Path(name)
        env = contenders.environment_variables(dynamodb)
        peers = contenders.compiled_peers(folder)
        listed = {
            (operation, build): contenders.ours(operation, dist, folder / build, build)
            for operation in contenders.OPERATIONS
            for build, dist in builds.items()
        }
        for number in range(rounds + 1):
            for operation in contenders.OPERATIONS:
                print_progress(f"round {number} of {rounds}: {operation}")
                bare = measure(python, contenders.bare(operation, peers), env, repeats=1)
                for build in builds:
                    cost = measure(python, listed[operation, build], env, repeats=1)
                    if number:
                        ratios.setdefault((operation, build), []).append(cost.cold_ms / bare.cold_ms)
        print_progress("")
    return ratios


if __name__ == "__main__":
    sys.exit(main())
