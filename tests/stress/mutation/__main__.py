"""Mutation testing: make every small change that mutmut knows to shared/, and check that a test fails.

python -m tests.stress.mutation [--only shared/rate_limits.py] [--record]

mutmut makes the changes (mutants) in a copy of the code below build/mutation and runs the contract tests and
the unit tests of shared/ that reach them. survivors.csv lists the mutants that no test should kill, with the
reason; `--record` updates it and keeps known reasons. Exits with 1 if fewer than 96 % of the mutants are
killed, if a mutant survives without a reason, or if a listed one is killed.
"""

import argparse
import csv
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from scripts.project import ROOT
from tests.stress import results

TREE = ROOT / "build" / "mutation" / "tree"
MUTMUT = ROOT / "build" / "mutation" / "bin" / "mutmut"
SURVIVORS = Path(__file__).with_name("survivors.csv")
HEAD = ("function", "line", "reason")

COPIED = ("shared", "functions", "scripts", "tests", "pyproject.toml")
# The architecture test compares imports, and mutmut adds one to every mutated module.
CONFIG = """
[tool.mutmut]
source_paths = ["shared"]
only_mutate = [{only}]
also_copy = ["functions", "scripts"]
timeout_constant = 10.0
pytest_add_cli_args_test_selection = ["tests/contract", "tests/unit/shared"]
pytest_add_cli_args = ["--ignore=tests/unit/shared/test_architecture.py"]
"""
ALL = "shared/*"
MIN_PERCENT = 96


class Mutant(NamedTuple):
    """A mutated function, and the line as mutated."""

    function: str
    line: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stress.mutation", description=__doc__)
    parser.add_argument("--only", default=ALL, help="mutate only files that match this pattern")
    parser.add_argument("--record", action="store_true", help="write survivors.csv")
    options = parser.parse_args()
    if options.record and options.only != ALL:
        parser.error("--record needs a run over all of shared/")
    os.nice(10)  # a full run takes minutes on every core
    _copy_code(options.only)
    subprocess.run([MUTMUT, "run", "--max-children", str(os.cpu_count())], cwd=TREE, check=True)
    subprocess.run([MUTMUT, "export-cicd-stats"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    counts = json.loads((TREE / "mutants" / "mutmut-cicd-stats.json").read_text())
    killed, total = counts["killed"] + counts["timeout"], counts["total"]
    percent = 100 * killed / total
    survivors = _survivors()
    mutated = _mutated_modules(options.only)
    known = _known_survivors()
    unexplained = sorted(mutant for mutant in survivors if not known.get(mutant))
    outdated = sorted(
        mutant
        for mutant in known.keys() - survivors
        if options.only == ALL or any(mutant.function.startswith(f"{module}.") for module in mutated)
    )
    print()
    for mutant in unexplained:
        print(f"  survives without a reason: {mutant.function}: {mutant.line}")
    for mutant in outdated:
        print(f"  is listed in {SURVIVORS.name}, but killed or gone: {mutant.function}: {mutant.line}")
    summary = (
        f"{killed:,} of {total:,} mutants killed ({percent:.1f} %, at least {MIN_PERCENT} % required); "
        f"{len(survivors) - len(unexplained)} survivors with a reason, {len(unexplained)} without."
    )
    print(summary)
    if options.record:
        reasons = _with_known_reasons(survivors, known)
        table = results.Table(HEAD, [(*mutant, reason) for mutant, reason in sorted(reasons.items())])
        results.record("mutation", summary, {SURVIVORS.stem: table})
    return int(percent < MIN_PERCENT or bool(unexplained) or bool(outdated))


def _copy_code(only: str) -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, TREE / name)
    with (TREE / "pyproject.toml").open("a") as config:
        config.write(CONFIG.format(only=json.dumps(only)))


def _mutated_modules(only: str) -> set[str]:
    paths = (path.relative_to(ROOT).as_posix() for path in (ROOT / "shared").rglob("*.py"))
    return {path.removesuffix(".py").replace("/", ".") for path in paths if fnmatch.fnmatch(path, only)}


def _survivors() -> set[Mutant]:
    names = re.findall(r"^ +(\S+): (?:survived|no tests|suspicious)$", _output("results"), re.MULTILINE)
    return {_mutant(name) for name in names}


def _mutant(name: str) -> Mutant:
    module, _, function = name.rpartition("__mutmut_")[0].rpartition(".")
    # mutmut names functions x_function, and methods xǁClassǁmethod.
    function = function.removeprefix("xǁ").replace("ǁ", ".").removeprefix("x_")
    diff = [line for line in _output("show", name).splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    added = [line[1:].strip() for line in diff if line.startswith("+")]
    return Mutant(f"{module}.{function}", " ".join(added) or f"without {diff[0][1:].strip()}")


def _output(*command: str) -> str:
    return subprocess.run(
        [MUTMUT, *command], cwd=TREE, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def _known_survivors() -> dict[Mutant, str]:
    with SURVIVORS.open(newline="") as file:
        return {Mutant(row["function"], row["line"]): row["reason"] for row in csv.DictReader(file)}


def _with_known_reasons(survivors: set[Mutant], known: dict[Mutant, str]) -> dict[Mutant, str]:
    """Return the reason of each survivor; a line that has moved to another function keeps its reason."""
    by_line = {mutant.line: reason for mutant, reason in known.items()}
    return {mutant: known.get(mutant) or by_line.get(mutant.line, "") for mutant in survivors}


if __name__ == "__main__":
    sys.exit(main())
