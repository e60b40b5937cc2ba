"""IAM policies, evaluated: whether one allows an action on a resource, and which of its actions that takes.

Only what identity policies of this project use: statements that allow, with whole actions.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MAX_CHARACTERS = 10_240
"""Of all inline policies of one role, without white space.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

_OPERATORS = {
    "StringEquals": lambda actual, expected: actual == expected,
    "StringLike": fnmatch.fnmatchcase,
    "ArnLike": fnmatch.fnmatchcase,
}


@dataclass(frozen=True)
class Permission:
    """An action on a resource, an ARN or `*`; `keys` are the request's condition keys, in lower case."""

    action: str
    resource: str
    keys: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def allows(policy: Mapping[str, Any], permission: Permission) -> bool:
    """Return whether a statement of the policy allows it."""
    return any(_statement_allows(statement, permission) for statement in policy["Statement"])


def actions(policy: Mapping[str, Any]) -> set[str]:
    """Return the actions that a policy allows on any resource."""
    return {action for statement in policy["Statement"] for action in _listed(statement["Action"])}


def _statement_allows(statement: Mapping[str, Any], permission: Permission) -> bool:
    if statement["Effect"] != "Allow":
        raise NotImplementedError(f"Effect {statement['Effect']}")
    return (
        permission.action in _listed(statement["Action"])
        and any(fnmatch.fnmatchcase(permission.resource, _pattern(r)) for r in _listed(statement["Resource"]))
        and all(
            _condition_holds(operator, key, expected, permission.keys)
            for operator, block in statement.get("Condition", {}).items()
            for key, expected in block.items()
        )
    )


def _condition_holds(operator: str, key: str, expected: Any, keys: Mapping[str, str]) -> bool:
    actual = keys.get(key.lower())
    return actual is not None and any(_OPERATORS[operator](actual, value) for value in _listed(expected))


def _listed(value: Any) -> Sequence[Any]:
    return [value] if isinstance(value, str) else value


def _pattern(resource: str) -> str:
    return resource.replace("[", "[[]")  # a bracket means nothing to IAM
