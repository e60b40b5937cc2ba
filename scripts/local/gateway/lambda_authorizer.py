"""What a Lambda authorizer has answered: whether the caller may come in, and what later events tell of them.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

import json
from fnmatch import fnmatchcase
from typing import Any

from scripts.local.lambda_.runtime import Result

ACTION = "execute-api:Invoke"


class Unauthorized(Exception):
    """The authorizer failed with exactly this word."""


class Denied(Exception):
    """The policy does not allow the call."""


class Broken(Exception):
    """The authorizer failed otherwise, or what it says makes no sense."""


def context(result: Result, method_arn: str) -> dict[str, Any]:
    """Return the context, every value as a string. Raises Unauthorized, Denied or Broken."""
    try:
        said = json.loads(result.payload)
        if result.error:
            raise Unauthorized if said["errorMessage"] == "Unauthorized" else Broken(result.error)
        principal, statements = said["principalId"], said["policyDocument"]["Statement"]
        found = said.get("context") or {}
        if not isinstance(principal, str) or not all(
            isinstance(value, str | int | float) for value in found.values()
        ):
            raise Broken("principalId is not a string, or the context holds more than plain values")
        if not _allows(statements, method_arn):
            raise Denied
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise Broken(f"not an authorizer's answer: {problem!r}") from None
    return {"principalId": principal, **{name: _as_string(value) for name, value in found.items()}}


def _allows(statements: object, arn: str) -> bool:
    effects = {
        statement["Effect"]
        for statement in _as_list(statements)
        if any(fnmatchcase(ACTION.lower(), action.lower()) for action in _as_list(statement["Action"]))
        and any(fnmatchcase(arn, resource) for resource in _as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_string(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
