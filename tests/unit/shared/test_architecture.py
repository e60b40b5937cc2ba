"""The dependency rules of functions/ and shared/, read from the imports of every module in the tree."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from scripts.project import ROOT
from tests.support.handlers import SETTINGS

HANDLERS = sorted(ROOT.glob("functions/*/handler.py"))
MODULES = sorted(path for path in ROOT.glob("shared/**/*.py") if path.name != "__init__.py")
SOURCES = [*HANDLERS, *MODULES]

# What each room may import of the others; "root" are the modules directly in shared/.
ALLOWED = {
    "root": {"root"},
    "sessions": {"root", "sessions"},
    "audience": {"root", "sessions", "audience"},
    "events": {"root", "sessions", "audience", "events"},
    "aws": {"root", "sessions", "audience", "aws"},
}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 2 else "root"


def imports(path: Path, *, for_types: bool = True) -> set[str]:
    """Return the modules that a file imports; `for_types` includes those under `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text())
    if not for_types:
        tree.body = [
            node
            for node in tree.body
            if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        ]
    return set(_imports(tree))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            package = node.module or ""
            for name in node.names:
                module = ROOT / package.replace(".", "/") / f"{name.name}.py"
                yield f"{package}.{name.name}" if module.exists() else package


def ours(path: Path, *, for_types: bool = True) -> set[str]:
    return {name for name in imports(path, for_types=for_types) if name.startswith(("shared", "functions"))}


def test_every_room_has_its_rules():
    assert {room(dotted(path)) for path in MODULES} == ALLOWED.keys()


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_arrows_point_inward(path: Path):
    allowed = ALLOWED[room(dotted(path))]

    assert {name for name in ours(path) if room(name) not in allowed or name.startswith("functions")} == set()


def test_there_is_no_import_circle():
    graph = {dotted(path): ours(path, for_types=False) for path in SOURCES}

    assert list(TopologicalSorter(graph).static_order())  # raises CycleError


def test_packages_are_empty():
    assert [path for path in ROOT.glob("shared/**/__init__.py") if path.read_text()] == []


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_third_party_packages_are_imported_in_one_place_each(path: Path):
    """The SDK and PyJWT in aws, pydantic in the request models."""
    foreign = {name.split(".")[0] for name in imports(path, for_types=False)} - sys.stdlib_module_names
    allowed = {"shared.sessions.requests": {"pydantic"}}.get(
        dotted(path), {"botocore", "jwt"} if room(dotted(path)) == "aws" else set()
    )

    assert foreign - {"shared"} <= allowed


@pytest.mark.parametrize(
    "path", [path for path in MODULES if room(dotted(path)) in ("sessions", "audience")], ids=dotted
)
def test_the_domains_read_no_clock_and_no_environment(path: Path):
    assert not imports(path) & {"os", "time", "datetime", "random", "http", "urllib", "socket"}


def test_only_settings_and_the_sdk_endpoint_come_from_the_environment():
    assert [dotted(path) for path in SOURCES if "os" in imports(path)] == [
        "shared.aws.cognito",
        "shared.settings",
    ]


@pytest.mark.parametrize("path", HANDLERS, ids=dotted)
def test_a_handler_composes_and_calls(path: Path):
    """One `handler`, one endpoint decorator, no branches, no error handling."""
    tree = ast.parse(path.read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]

    assert [(function.name, len(function.decorator_list)) for function in functions] == [("handler", 1)]
    assert len(functions[0].body) <= 5
    assert not any(isinstance(node, ast.Try | ast.If | ast.For | ast.While) for node in ast.walk(tree))


@pytest.mark.parametrize("path", HANDLERS, ids=dotted)
def test_a_handler_pauses_garbage_collection_before_it_imports_the_rest(path: Path):
    lines = path.read_text().splitlines()
    first = next(line for line in lines if line.startswith("from shared"))

    assert first.startswith("from shared import ")
    assert "startup" in first
    assert lines.count("startup.finish_init()") == 1


def test_only_the_endpoint_catches_every_exception():
    catching = [
        dotted(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]

    assert catching == ["shared.events.api_gateway"]


@pytest.mark.parametrize("function", ["get_session", "delete_session", "health"])
def test_a_function_that_reads_no_body_starts_without_pydantic(function: str):
    program = f"import sys, functions.{function}.handler; print('pydantic' in sys.modules)"

    started = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT), "AWS_DEFAULT_REGION": "eu-west-1", **SETTINGS},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert started.stdout == "False\n"


def test_a_metric_is_a_line_of_output_and_no_call():
    assert imports(ROOT / "shared" / "aws" / "metrics.py", for_types=False) <= sys.stdlib_module_names | {
        "collections.abc"
    }
