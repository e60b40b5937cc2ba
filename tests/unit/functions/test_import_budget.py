"""What each function imports when it starts from its zip: every module adds to every cold start."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from scripts.build import imports
from scripts.project import ROOT
from tests.support import function_settings

FUNCTIONS = sorted(handler.parent.name for handler in ROOT.glob("functions/*/handler.py"))
# The most modules of ours that a function may ship, besides empty __init__ files.
MODULES = {
    "change_language": 16,
    "disconnect_session": 13,
    "get_session": 14,
    "publish_caption": 21,
    "send_audio": 20,
}
# Top-level third-party modules by function; all others load the SDK alone.
SDK = {"botocore", "dateutil", "jmespath", "six", "urllib3"}
PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
THIRD_PARTY = {
    "authorize_connection": {"_cffi_backend", "cryptography", "jwt"},
    "create_session": SDK | PYDANTIC,
    "update_session": SDK | PYDANTIC,
}
# The runtime client is installed with the development tools, which must not hide what a zip lacks.
PROGRAM = """
import gc, importlib, json, sys
task_root, site_packages, module = sys.argv[1:]
sys.path.append(site_packages)
import awslambdaric.bootstrap
sys.path.remove(site_packages)
sys.path.insert(0, task_root)
importlib.import_module(module)
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items()}
print(json.dumps({
    "collecting": gc.isenabled(),
    "frozen": gc.get_freeze_count(),
    "files": {
        name: file.removeprefix(task_root + "/") for name, file in files.items() if file.startswith(task_root)
    },
}))
"""


class Start:
    """What a start of a function has loaded from its zip, and what it cost."""

    def __init__(self, output: str, import_times: str) -> None:
        result = json.loads(output)
        self.collecting: bool = result["collecting"]
        self.frozen: int = result["frozen"]
        self.files = {Path(file) for file in result["files"].values()}
        self.third_party = {name.split(".")[0] for name in result["files"]} - {"functions", "shared"}
        # -X importtime: "import time: self [us] | cumulative | imported package"
        lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \| +(\S+)", import_times)
        self._milliseconds = {name: int(cumulative) / 1000 for _, cumulative, name in lines}

    @classmethod
    def of(cls, function: str, task_root: Path) -> Self:
        process = subprocess.run(
            [sys.executable, "-s", "-S", "-P", "-B", "-X", "importtime", "-c", PROGRAM,
             task_root, sysconfig.get_path("platlib"), f"functions.{function}.handler"],
            env=function_settings.environment(function),
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return cls(process.stdout, process.stderr)

    def costs(self, names: set[str]) -> str:
        """The names, the most expensive first, with the milliseconds that their import took."""
        costs = {name: self._milliseconds.get(name, 0.0) for name in names}
        return ", ".join(
            f"{name} ({costs[name]:.1f} ms)" for name in sorted(costs, key=costs.get, reverse=True)
        )


@pytest.fixture(scope="module")
def task_roots(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Every zip, as it is built from this tree, unpacked."""
    folder = tmp_path_factory.mktemp("task_roots")
    for name in FUNCTIONS:
        zipfile.ZipFile(repository / "dist" / f"{name}.zip").extractall(folder / name)
    return {name: folder / name for name in FUNCTIONS}


@pytest.fixture(scope="module")
def starts(task_roots: Mapping[str, Path]) -> Mapping[str, Start]:
    return {function: Start.of(function, task_root) for function, task_root in task_roots.items()}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_loads_all_of_our_files_that_it_ships(starts: Mapping[str, Start], function: str):
    shipped = imports.follow(ROOT, f"functions.{function}.handler").files

    assert {file for file in starts[function].files if file.parts[0] in imports.OWN_PACKAGES} == shipped


@pytest.mark.parametrize("function", MODULES)
def test_a_function_ships_no_more_modules_of_ours_than_its_budget(function: str):
    shipped = imports.follow(ROOT, f"functions.{function}.handler").files

    modules = sorted(str(file) for file in shipped if (ROOT / file).stat().st_size)
    assert len(modules) <= MODULES[function], modules


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_loads_the_third_party_packages_of_its_budget(starts: Mapping[str, Start], function: str):
    loaded, budget = starts[function].third_party, THIRD_PARTY.get(function, SDK)

    assert not loaded - budget, f"{function} now loads {starts[function].costs(loaded - budget)}"
    assert not budget - loaded, f"{function} no longer loads {sorted(budget - loaded)}: remove it here"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_garbage_is_collected_again_once_a_function_has_started(starts: Mapping[str, Start], function: str):
    assert starts[function].collecting
    assert starts[function].frozen > 10_000


def test_an_import_over_budget_is_reported_with_its_cost(task_roots: Mapping[str, Path], tmp_path: Path):
    task_root = tmp_path / "health"
    shutil.copytree(task_roots["health"], task_root, ignore=shutil.ignore_patterns("handler.*.pyc"))
    handler = task_root / "functions" / "health" / "handler.py"
    handler.write_text("import unbudgeted\n" + handler.read_text())
    (task_root / "unbudgeted.py").touch()

    start = Start.of("health", task_root)

    assert re.fullmatch(r"unbudgeted \(\d+\.\d ms\)", start.costs(start.third_party - SDK))
