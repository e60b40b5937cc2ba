"""The generation of the secrets: a number in an environment's tfvars from which Terraform names the keys."""

import re
from pathlib import Path

from scripts.errors import PreconditionFailed

AFTER_A_LEAK = 3
"""Generations to go so that no key is common: a release has the keys of its own and of both neighbours."""

_ASSIGNMENT = re.compile(r"^(secret_generation\s*=\s*)(\d+)\b", re.MULTILINE)


def raise_generation(tfvars: Path, by: int) -> int:
    """Raise `secret_generation` in the file and return the new number. The rest of the file stays as it is.

    Raises PreconditionFailed when the file does not set it exactly once.
    """
    text = tfvars.read_text()
    numbers = [int(match[2]) for match in _ASSIGNMENT.finditer(text)]
    if len(numbers) != 1:
        raise PreconditionFailed(f"{tfvars.name} must set secret_generation exactly once.")
    raised = numbers[0] + by
    tfvars.write_text(_ASSIGNMENT.sub(rf"\g<1>{raised}", text))
    return raised
