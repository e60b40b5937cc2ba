"""Sources without docstrings: nothing else changes."""

from collections.abc import Callable
from typing import Any, Required, TypedDict

import pytest

from scripts.build.docstrings import strip_docstrings

DOCUMENTED = b'''"""What it is
for."""

from __future__ import annotations


class Field(TypedDict, total=False):
    """One."""

    name: Required[str]
    size: (
        int
    )


def double(x: int) -> int:
    """Twice
    as much."""
    assert x, "something"
    return 2 * x
'''


def execute(source: bytes) -> tuple[str | None, type, Callable[[int], int]]:
    names: dict[str, Any] = {"TypedDict": TypedDict, "Required": Required, "__name__": "documented"}
    exec(compile(source, "documented.py", "exec"), names)
    return names.get("__doc__"), names["Field"], names["double"]


def test_docstrings_are_emptied_and_nothing_else_changes():
    module_doc, field, double = execute(strip_docstrings(DOCUMENTED))

    assert (module_doc, field.__doc__, double.__doc__) == ("", "-", "")
    assert field.__annotations__.keys() == {"name", "size"}
    assert double(3) == 6
    assert double.__code__.co_firstlineno == 16
    with pytest.raises(AssertionError, match="something"):
        double(0)
