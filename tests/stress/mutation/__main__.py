"""Change the domain and its tables in every small way, and see that a test notices it.

python -m tests.stress.mutation

mutmut makes each change, a mutant, in a copy of the code below build/mutation, and runs the tests that reach
it. What no test notices must be told, with its reason, under `## Mutation` in docs/reliability.md: 1 when
something else survives, when something told is noticed after all, or when fewer than 90 % are noticed.
"""

import json
import re
import shutil
import subprocess
import sys
from typing import NamedTuple

from scripts.project import ROOT

TREE = ROOT / "build" / "mutation" / "tree"
MUTMUT = ROOT / "build" / "mutation" / "bin" / "mutmut"
DOCUMENT = ROOT / "docs" / "reliability.md"

COPIED = ("shared", "scripts", "tests", "pyproject.toml")
SETTINGS = """
[tool.mutmut]
source_paths = ["shared"]
only_mutate = ["shared/*"]
timeout_constant = 10.0
pytest_add_cli_args_test_selection = ["tests/contract", "tests/unit/shared"]
"""
LEAST_PERCENT = 90


class Mutant(NamedTuple):
    """Where a change was made, and the line as it was changed."""

    function: str
    line: str


def main() -> int:
    _copy_the_code()
    subprocess.run([MUTMUT, "run", "--max-children", "2"], cwd=TREE, check=True)
    subprocess.run([MUTMUT, "export-cicd-stats"], cwd=TREE, check=True, stdout=subprocess.DEVNULL)
    counts = json.loads((TREE / "mutants" / "mutmut-cicd-stats.json").read_text())
    noticed, total = counts["killed"] + counts["timeout"], counts["total"]
    percent = 100 * noticed / total
    survivors = _survivors()
    told = _told(DOCUMENT.read_text())
    print(f"\n{noticed} of {total} mutants are noticed: {percent:.1f} %")
    for mutant in sorted(survivors - told):
        print(f"| `{mutant.function}` | `{mutant.line}` | survives, and {DOCUMENT.name} does not tell why |")
    for mutant in sorted(told - survivors):
        print(f"| `{mutant.function}` | `{mutant.line}` | is in {DOCUMENT.name}, and is noticed or gone |")
    return int(percent < LEAST_PERCENT or survivors != told)


def _copy_the_code() -> None:
    shutil.rmtree(TREE, ignore_errors=True)
    TREE.mkdir(parents=True)
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, TREE / name)
    # ListSessions's method `list` hides the builtin from the mutants, which stand after it in their class.
    listing = TREE / "shared" / "sessions" / "listing.py"
    promise, rest = listing.read_text().split("\n", 1)
    listing.write_text(f"{promise}\n\nfrom __future__ import annotations\n{rest}")
    with (TREE / "pyproject.toml").open("a") as settings:
        settings.write(SETTINGS)


def _survivors() -> set[Mutant]:
    found = re.findall(r"^ +(\S+): (?:survived|no tests|suspicious)$", _say("results"), re.MULTILINE)
    return {_described(name) for name in found}


def _described(name: str) -> Mutant:
    module, _, function = name.rpartition("__mutmut_")[0].rpartition(".")
    # mutmut writes x_function, and xǁClassǁmethod.
    function = function.removeprefix("xǁ").replace("ǁ", ".").removeprefix("x_")
    diff = [line for line in _say("show", name).splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    changed = [line[1:].strip() for line in diff if line.startswith("+")] or [
        f"without {diff[0][1:].strip()}"
    ]
    return Mutant(f"{module}.{function}", " ".join(changed))


def _say(*command: str) -> str:
    return subprocess.run(
        [MUTMUT, *command], cwd=TREE, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ).stdout


def _told(document: str) -> set[Mutant]:
    (section,) = re.findall(r"^## Mutation$(.*?)(?=^## |\Z)", document, re.MULTILINE | re.DOTALL)
    return {Mutant(*row) for row in re.findall(r"^\| `(.+?)` \| `(.+?)` \|", section, re.MULTILINE)}


if __name__ == "__main__":
    sys.exit(main())
