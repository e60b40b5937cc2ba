"""What a function imports, read from its sources: our own files and third-party modules."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.build.errors import BuildError

OWN_PACKAGES = ("functions", "shared")


@dataclass(frozen=True)
class Imports:
    """What one function imports: files relative to the repository, and top-level third-party modules."""

    files: frozenset[Path]
    third_party: frozenset[str]


def follow(root: Path, module: str) -> Imports:
    """Follow every import from `module` (dotted, below `root`) through our own packages.

    Imports under `if TYPE_CHECKING:` are ignored. Raises BuildError for a module of ours that does not exist.
    """
    files: set[Path] = set()
    third_party: set[str] = set()
    pending = [_file(root, module)]
    while pending:
        file = pending.pop()
        if file is None or file in files:
            continue
        files.add(file)
        for name, line, is_module in _imported_names(file, (root / file).read_bytes()):
            top = name.split(".")[0]
            if top in OWN_PACKAGES:
                own_files = _own_files(root, name)
                if is_module and not own_files:
                    raise BuildError(f"{file}:{line} imports {name}, which does not exist")
                pending += own_files
            elif top not in sys.stdlib_module_names:
                third_party.add(top)
    if not files:
        raise BuildError(f"{module} does not exist")
    return Imports(frozenset(files), frozenset(third_party))


def called_methods(source: bytes) -> Iterator[tuple[str, int]]:
    """Yield the name and line of each method that a source calls, and of each operation that it paginates."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node.lineno
            if node.func.attr == "get_paginator":
                yield from (
                    (str(argument.value), node.lineno)
                    for argument in node.args
                    if isinstance(argument, ast.Constant)
                )


@cache
def sdk_services(source: bytes) -> frozenset[str]:
    """Return the services for which a source creates a client: `create_client("dynamodb", ...)`."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            first = node.args[0] if node.args else None
            if node.func.attr == "create_client" and isinstance(first, ast.Constant):
                found.add(str(first.value))
    return frozenset(found)


def _file(root: Path, module: str) -> Path | None:
    """Return the file of a dotted name, relative to `root`; None for a package without __init__.py."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def _own_files(root: Path, name: str) -> list[Path | None]:
    """Return the files that importing one of our modules runs: its packages' __init__.py and its own.

    Empty when there is no such module.
    """
    parts = name.split(".")
    own = _file(root, name)
    if own is None and not (root / Path(*parts)).is_dir():
        return []
    return [*(_file(root, ".".join(parts[:count])) for count in range(1, len(parts))), own]


@cache
def _imported_names(file: Path, source: bytes) -> list[tuple[str, int, bool]]:
    """Return each dotted name that a source imports, its line, and whether it must be a module.

    `from a import b` gives a, which must be one, and a.b, which may be one or a name inside a.
    """
    package, names = file.parent.parts, []
    for node in _executed_nodes(ast.parse(source, filename=str(file))):
        if isinstance(node, ast.Import):
            names += [(alias.name, node.lineno, True) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            names.append((module, node.lineno, True))
            names += [(f"{module}.{alias.name}", node.lineno, False) for alias in node.names]
    return names


def _executed_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield all nodes below one, without those under `if TYPE_CHECKING:`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _executed_nodes(other)
        else:
            yield child
            yield from _executed_nodes(child)
