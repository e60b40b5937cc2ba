"""What a function imports: our own files and the distributions that it needs, read from the source alone."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.build.errors import BuildError

OWN_PACKAGES = ("functions", "shared")


@dataclass(frozen=True)
class Needs:
    """What one function ships: files relative to the repository, and top-level third-party modules."""

    files: frozenset[Path]
    third_party: frozenset[str]


def needs(root: Path, module: str) -> Needs:
    """Follow every import from `module` (dotted, below `root`) through our own packages.

    Imports under `if TYPE_CHECKING:` do not run, so they do not count.
    """
    files: set[Path] = set()
    third_party: set[str] = set()
    waiting = [_file(root, module)]
    while waiting:
        file = waiting.pop()
        if file is None or file in files:
            continue
        files.add(file)
        for name, line, is_module in _imports(root, file):
            top = name.split(".")[0]
            if top in OWN_PACKAGES:
                own = _own(root, name)
                if is_module and not own:
                    raise BuildError(f"{file}:{line} imports {name}, which is not there")
                waiting += own
            elif top not in sys.stdlib_module_names:
                third_party.add(top)
    if not files:
        raise BuildError(f"{module} is not there")
    return Needs(frozenset(files), frozenset(third_party))


def calls(source: bytes) -> Iterator[tuple[str, int]]:
    """Yield the name and line of each method that a source calls, and of each paginator that it asks for."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node.lineno
            if node.func.attr == "get_paginator":
                yield from (
                    (str(word.value), node.lineno) for word in node.args if isinstance(word, ast.Constant)
                )


def _file(root: Path, module: str) -> Path | None:
    """Return the file of a dotted name, relative to `root`; None for a package without __init__.py."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def _own(root: Path, name: str) -> list[Path | None]:
    """Return the files that importing one of our modules runs: its packages' __init__.py and its own.

    Empty when there is no such module.
    """
    parts = name.split(".")
    own = _file(root, name)
    if own is None and not (root / Path(*parts)).is_dir():
        return []
    return [*(_file(root, ".".join(parts[:count])) for count in range(1, len(parts))), own]


def _imports(root: Path, file: Path) -> Iterator[tuple[str, int, bool]]:
    """Yield each imported dotted name, its line, and whether it must be a module.

    `from a import b` yields a, which must be one, and a.b, which may be one or a name inside a.
    """
    package = file.parent.parts
    for node in _running(ast.parse((root / file).read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, True
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            yield source, node.lineno, True
            for alias in node.names:
                yield f"{source}.{alias.name}", node.lineno, False


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _running(other)
        else:
            yield child
            yield from _running(child)
