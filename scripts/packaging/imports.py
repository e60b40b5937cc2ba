"""What a function imports: our own files and the distributions that it needs, read from the source alone."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.packaging import BuildError

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
        for name, line in _imports(root, file):
            top = name.split(".")[0]
            if top in OWN_PACKAGES:
                waiting += _own(root, name, where=f"{file}:{line}")
            elif top not in sys.stdlib_module_names:
                third_party.add(top)
    if not files:
        raise BuildError(f"{module} is not there")
    return Needs(frozenset(files), frozenset(third_party))


def _file(root: Path, module: str) -> Path | None:
    """Return the file of a dotted name, relative to `root`; None for a package without __init__.py."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return None


def _own(root: Path, name: str, where: str) -> list[Path | None]:
    """Return the files that importing one of our modules runs: its own and its packages' __init__.py.

    The last part of `name` may be a name inside a module: `from shared.wiring import sessions`.
    """
    parts = name.split(".")
    parents = [_file(root, ".".join(parts[:count])) for count in range(1, len(parts))]
    own = _file(root, name)
    if own is None and not (root / Path(*parts)).is_dir() and (not parents or parents[-1] is None):
        raise BuildError(f"{where} imports {name}, which is not there")
    return [*parents, own]


def _imports(root: Path, file: Path) -> Iterator[tuple[str, int]]:
    """Yield each imported dotted name and its line; `from a import b` yields a.b, which may be a module."""
    package = file.parent.parts
    for node in _running(ast.parse((root / file).read_bytes(), filename=str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            for alias in node.names:
                yield (source if alias.name == "*" else f"{source}.{alias.name}"), node.lineno


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _running(other)
        else:
            yield child
            yield from _running(child)
