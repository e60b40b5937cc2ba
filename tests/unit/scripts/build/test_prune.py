"""What is left out of third-party packages, and that nothing in them is replaced."""

import ast
import re
import zipfile
from pathlib import Path

import botocore
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


def ca_bundle(without: str) -> dict[str, bytes]:
    """Return botocore's CA bundle, without the certificates whose comment has a text."""
    bundle = (Path(botocore.__file__).parent / "cacert.pem").read_text()
    certificates = [text for text in bundle.split("# Issuer: ") if without not in text]
    return {"botocore/cacert.pem": "# Issuer: ".join(certificates).encode()}


@pytest.mark.parametrize("name", prune.REQUIRED_ROOTS)
def test_a_ca_bundle_without_one_of_amazons_roots_fails_the_build(name: str):
    with pytest.raises(BuildError, match=rf"lacks {name}: "):
        prune.prune(ca_bundle(without=name))


def test_a_ca_bundle_without_the_root_of_starfield_is_shipped_without_it():
    shipped = prune.prune(ca_bundle(without="Starfield Services Root"))["botocore/cacert.pem"]

    assert re.findall(rb"^# (.+)$", shipped, re.MULTILINE) == [name.encode() for name in prune.REQUIRED_ROOTS]
