"""What is left out of third-party packages, and that nothing in them is replaced."""

import ast
import zipfile
from pathlib import Path

import pytest

from scripts.build import prune
from scripts.build.errors import BuildError


def code(source: bytes) -> str:
    """Return a source's syntax tree as text, with every docstring emptied."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                first.value.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize("distribution", ["botocore", "pydantic", "pydantic_core", "urllib3"])
def test_each_source_is_shipped_as_it_was_released_but_for_docstrings(repository: Path, distribution: str):
    wheel = next((repository / "build" / "wheels").glob(f"*/{distribution}-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.endswith(".py")}

    shipped = prune.prune(files)

    assert shipped.keys() <= files.keys()
    for path, source in shipped.items():
        assert code(source) == code(files[path]), path


def test_a_ca_bundle_without_amazons_roots_fails_the_build():
    with pytest.raises(BuildError, match=r"lacks Amazon Root CA 1, .*Starfield"):
        prune.prune({"botocore/cacert.pem": b"# nothing\n"})
