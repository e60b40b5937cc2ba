"""The imports of Python files, read from their source: for tests of what may import what."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from scripts.project import ROOT


def import_graph(*folders: str) -> dict[str, set[str]]:
    """Return the imports of each module in the folders by module name: {"scripts.errors": {"sys", ...}}.

    An import anywhere in a file counts, also one within a function or for type checking only.
    """
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    return {module_name(file): imports_of(file) for file in files}


def imports_of(file: Path, *, type_checking: bool = True) -> set[str]:
    """Return the modules that a file imports, by default also those under `if TYPE_CHECKING`."""
    tree = ast.parse(file.read_text())
    if not type_checking:
        tree.body = [node for node in tree.body if not _is_type_checking(node)]
    return set(_imports(tree))


def module_name(file: Path) -> str:
    """Return the name of a module: scripts.local.gateway for scripts/local/gateway/__init__.py."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def cycle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the modules of an import circle, the first one again at the end; an empty list without one."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        modules: list[str] = error.args[1]
        return modules[::-1]
    return []


def _is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                yield _imported_module(node.module or "", alias.name)


def _imported_module(package: str, name: str) -> str:
    """Return the module of `from package import name`, where the name may be a module or an object in it."""
    path = ROOT.joinpath(*package.split("."), name)
    is_module = path.with_suffix(".py").is_file() or path.is_dir()
    return f"{package}.{name}" if is_module else package
