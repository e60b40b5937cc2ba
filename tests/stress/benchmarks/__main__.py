"""Our functions, from the zips in dist/, against peers that do the same: ratios measured in one run.

python -m tests.stress.benchmarks [--rounds 11] [--warm 100] [--write]

Each round starts every function once, one after the other, so that load on the machine affects all alike.
CPU time is measured, because Lambda gives a function a share of a processor. Linux only.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from scripts.project import ROOT
from tests.stress.benchmarks import chart, peers_packages, report
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.contenders import DIST, OPERATIONS, contenders, environment_variables
from tests.stress.benchmarks.lambda_runtime import measure
from tests.stress.benchmarks.results import Results
from tests.stress.benchmarks.stages import measure_stages

STAGED = ("get_session", "create_session")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--warm", type=int, default=100, help="invocations after the first, per process")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md and performance.svg")
    options = parser.parse_args()
    results = run(options.rounds, options.warm)
    print(f"{results.version}, {results.runtime}; {results.rounds} rounds; {report.machine()}\n")
    print(report.table(results) + "\n")
    print(report.verdicts(results))
    if options.write:
        (ROOT / "docs" / "performance.md").write_text(report.markdown(results))
        (ROOT / "docs" / "performance.svg").write_text(chart.chart(results))
    return 0


def run(rounds: int, warm: int) -> Results:
    """Measure every contender `rounds` times, after a first round that does not count."""
    environment = peers_packages.installed()
    python = peers_packages.python(environment)
    manifest = json.loads((DIST / "manifest.json").read_text())
    with tempfile.TemporaryDirectory() as name, CannedDynamoDB() as dynamodb:
        folder = Path(name)
        listed = contenders(folder, environment)
        env = environment_variables(dynamodb)
        results = Results(
            listed,
            version=manifest["version"],
            runtime=f"{manifest['runtime']} on {manifest['architecture']}",
            sizes={function: described["bytes"] for function, described in manifest["functions"].items()},
        )
        for number in range(rounds + 1):
            for contender in listed:
                print_progress(f"round {number} of {rounds}: {contender.name}")
                dynamodb.calls.clear()
                repeats = warm if number else 1
                cost = measure(python, contender, env, repeats)
                if number:
                    results.costs.setdefault(contender.name, []).append(cost)
                    results.calls[contender.name] = dynamodb.calls.total() / (1 + repeats)
            for function in STAGED:
                event = next(each.event for each in listed if each.name == f"ours: {function}")
                status = OPERATIONS[function][2]
                stages = measure_stages(python, function, folder / function, env, event, status)
                if number:
                    results.stages.setdefault(function, []).append(stages)
        print_progress("")
    return results


def print_progress(text: str) -> None:
    """Show the text in place of the one before, on standard error; an empty one clears the line."""
    print(f"\r{text:78.78}" + ("" if text else "\r"), end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
