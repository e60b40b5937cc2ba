"""Our functions, from the zips in dist/, against peers that do the same: ratios measured in one run.

python -m tests.stress.benchmarks [--rounds 11] [--warm 100] [--write]

Each round starts every function once, one after the other, so that a busy moment of the machine meets all.
CPU time and not wall time is what Lambda's share of a processor stretches. Linux only.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from tests.stress.benchmarks import chart, peers_packages, report
from tests.stress.benchmarks.canned_dynamodb import CannedDynamoDB
from tests.stress.benchmarks.contenders import OPERATIONS, ROOT, contenders, environment_variables
from tests.stress.benchmarks.lambda_runtime import measure
from tests.stress.benchmarks.results import Results
from tests.stress.benchmarks.stages import measure_stages

STAGED = ("get_session", "create_session")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--warm", type=int, default=100, help="invocations after the first, per process")
    parser.add_argument("--write", action="store_true", help="docs/performance.md and docs/performance.svg")
    chosen = parser.parse_args()
    results = run(chosen.rounds, chosen.warm)
    print(f"{results.version}, {results.runtime}; {results.rounds} rounds; {report.machine()}\n")
    print(report.table(results) + "\n")
    print(report.verdicts(results))
    if chosen.write:
        (ROOT / "docs" / "performance.md").write_text(report.markdown(results))
        (ROOT / "docs" / "performance.svg").write_text(chart.chart(results))
    return 0


def run(rounds: int, warm: int) -> Results:
    """Measure every contender `rounds` times, after a first round that does not count."""
    environment = peers_packages.installed(ROOT / "requirements" / "peers.txt", ROOT / "build" / "peers")
    python = peers_packages.python(environment)
    manifest = json.loads((ROOT / "dist" / "manifest.json").read_text())
    with tempfile.TemporaryDirectory() as name, CannedDynamoDB() as dynamodb:
        folder = Path(name)
        measured = contenders(folder, environment)
        env = environment_variables(dynamodb)
        results = Results(
            measured,
            version=manifest["version"],
            runtime=f"{manifest['runtime']} on {manifest['architecture']}",
            sizes={function: made["bytes"] for function, made in manifest["functions"].items()},
        )
        for number in range(rounds + 1):
            for one in measured:
                _progress(f"round {number} of {rounds}: {one.name}" if number else f"first look: {one.name}")
                dynamodb.calls.clear()
                again = warm if number else 1
                cost = measure(python, one.handler, one.path, env, one.event, one.status, again)
                if number:
                    results.costs.setdefault(one.name, []).append(cost)
                    results.calls[one.name] = dynamodb.calls.total() / (1 + again)
            for function in STAGED:
                ours = next(one for one in measured if one.name == f"ours: {function}")
                status = OPERATIONS[function][2]
                stages = measure_stages(python, function, folder / function, env, ours.event, status)
                if number:
                    results.stages.setdefault(function, []).append(stages)
        _progress("")
    return results


def _progress(words: str) -> None:
    print(f"\r{words:78.78}" + ("" if words else "\r"), end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
