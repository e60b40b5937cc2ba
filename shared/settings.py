"""Settings from the environment, each by its name; a missing one fails at the function's start."""

import os
from collections.abc import Container


class SettingError(RuntimeError):
    """The environment of the function is not what Terraform should have made it."""


def text(name: str) -> str:
    """The environment variable of this name. Raises SettingError when it is absent or empty."""
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"{name} is not set")
    return value


def number(name: str, supported: Container[int] = range(10**9)) -> int:
    """The same as a whole number. Raises SettingError also when it is not a supported one."""
    value = text(name)
    if not (value.isascii() and value.isdigit() and int(value) in supported):
        raise SettingError(f"{name} is {value!r}. Supported: {supported}")
    return int(value)
