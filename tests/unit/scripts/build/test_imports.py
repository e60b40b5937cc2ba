"""Imports are followed through our own modules, as Python would run them."""

from pathlib import Path

import pytest

from scripts.build import imports
from scripts.build.errors import BuildError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    sources = {
        "functions/create/handler.py": (
            "import json\nfrom shared import http\nfrom shared.inner import rules\n"
        ),
        "shared/__init__.py": "",
        "shared/http.py": (
            "from typing import TYPE_CHECKING\n"
            "from shared.inner.rules import RULE\n"
            "if TYPE_CHECKING:\n    import pydantic\n    from shared import unused\n"
            "else:\n    import jmespath\n"
        ),
        "shared/inner/rules.py": (
            "RULE = 1\ndef later():\n    from . import deep\n    import botocore.session\n"
        ),
        "shared/inner/deep.py": "from .. import sibling\n",
        "shared/sibling.py": "",
        "shared/unused.py": "import requests\n",
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    return tmp_path


def test_imports_are_followed_through_our_own_modules_but_not_into_type_checking(tree):
    imported = imports.follow(tree, "functions.create.handler")

    assert {file.as_posix() for file in imported.files} == {
        "functions/create/handler.py", "shared/__init__.py", "shared/http.py", "shared/inner/rules.py",
        "shared/inner/deep.py", "shared/sibling.py",
    }  # fmt: skip
    assert imported.third_party == {"jmespath", "botocore"}


def test_an_import_of_ours_that_does_not_exist_is_reported_with_its_line(tree):
    (tree / "shared" / "sibling.py").write_text("\nimport shared.nowhere\n")

    with pytest.raises(BuildError, match=r"shared/sibling\.py:2 imports shared\.nowhere"):
        imports.follow(tree, "functions.create.handler")
