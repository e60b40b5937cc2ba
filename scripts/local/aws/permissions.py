"""What functions may do here: no more than on AWS. What roles do not allow is refused, and calls are noted.

Each function signs with an access key that is its name, as on AWS it does with credentials of its role.
"""

import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from moto.iam.access_control import IAMPolicy, PermissionResult

from scripts import local_system

# As Authorization names it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
_ACCESS_KEY = re.compile(r"\bCredential=([^/]+)/")

LOOK_EVERY_SECONDS = 1.0

Policies = Callable[[str], Iterable[str] | None]
"""Gives the policy documents of a function's role, as JSON; None for a name that no function has."""


class Permissions:
    """Says what functions may do, and notes in the file `calls` what they do: one JSON object in a line."""

    def __init__(self, policies: Policies, calls: Path) -> None:
        self._policies = policies
        self._calls = calls

    def allow(self, authorization: str, action: str, resource: str) -> bool:
        """Whether whoever signed may take the action (`dynamodb:GetItem`) on the resource, an ARN.

        Who is no function, as Terraform and operators here, may do everything.
        """
        key = _ACCESS_KEY.search(authorization)
        policies = self._policies(key[1]) if key else None
        if key is None or policies is None:
            return True
        allowed = any(
            IAMPolicy(policy).is_action_permitted(action, resource) == PermissionResult.PERMITTED
            for policy in policies
        )
        call = {"function": key[1], "action": action, "resource": resource, "allowed": allowed}
        with self._calls.open("a") as calls:
            calls.write(f"{json.dumps(call)}\n")
        return allowed


class Roles:
    """The Policies of the functions in the local AWS, asked for again after LOOK_EVERY_SECONDS."""

    def __init__(self, aws_url: str) -> None:
        self._lambda = local_system.aws_client("lambda", aws_url)
        self._iam = local_system.aws_client("iam", aws_url)
        self._known: dict[str, tuple[float, list[str] | None]] = {}

    def __call__(self, function: str) -> list[str] | None:
        """Return the documents of all inline policies of the function's role."""
        asked, documents = self._known.get(function, (None, None))
        if asked is None or time.monotonic() - asked >= LOOK_EVERY_SECONDS:
            documents = self._ask(function)
            self._known[function] = (time.monotonic(), documents)
        return documents

    def _ask(self, function: str) -> list[str] | None:
        try:
            arn = self._lambda.get_function_configuration(FunctionName=function)["Role"]
        except self._lambda.exceptions.ResourceNotFoundException:
            return None
        role = arn.rpartition("/")[2]
        return [
            json.dumps(self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
