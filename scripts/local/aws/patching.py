"""Replacing methods of moto by functions that may call the original."""

from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]


def wrap(owner: Any, name: str) -> Callable[[Method], None]:
    """Replace a method by the decorated function, which takes the original as its first argument."""
    original = getattr(owner, name)

    def replace(function: Method) -> None:
        setattr(owner, name, lambda *args, **named: function(original, *args, **named))

    return replace
