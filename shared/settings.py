"""Settings: environment variables that Terraform sets. A missing one stops the function at its start."""

import os
import re
from collections.abc import Sequence

WHOLE_NUMBER = re.compile("0|[1-9][0-9]{0,8}")


class SettingError(RuntimeError):
    """An environment variable is missing or has an unsupported value."""


def text(name: str) -> str:
    """Return the environment variable of this name. Raises SettingError when it is absent or empty."""
    value = os.environ.get(name)
    if not value:
        raise SettingError(f"{name} is not set")
    return value


def number(name: str, supported: Sequence[int] = range(10**9)) -> int:
    """Return the environment variable as a whole number. Raises SettingError when it is not supported."""
    value = text(name)
    if not WHOLE_NUMBER.fullmatch(value) or int(value) not in supported:
        numbers = (
            f"{supported[0]} to {supported[-1]}" if isinstance(supported, range) else str(supported)[1:-1]
        )
        raise SettingError(f"{name} is {value!r}. Supported: {numbers}")
    return int(value)
