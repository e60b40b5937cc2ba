"""What functions may do in the local AWS: what their roles allow, as on AWS. Their calls are logged.

Each function signs with an access key that is its name; on AWS it signs with credentials of its role.
"""

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.iam.access_control import IAMPolicy, PermissionResult

from scripts import local_system

# In the Authorization header: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html
_ACCESS_KEY = re.compile(r"\bCredential=([^/]+)/")

CACHE_SECONDS = 1.0

TRANSACTION_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
"""The action that each kind of item in a transaction needs."""

Policies = Callable[[str], Iterable[str] | None]
"""Returns the policy documents of a function's role, as JSON; None when no function has the name."""


class Permissions:
    """Decides what functions may do, and logs each call to the file `calls` as a line of JSON."""

    def __init__(self, policies: Policies, calls: Path) -> None:
        self._policies = policies
        self._calls = calls

    def allow(self, authorization: str, action: str, resource: str) -> bool:
        """Return whether the signer may take an action, such as dynamodb:GetItem, on the ARN of a resource.

        Signers that are no functions, such as Terraform, may do everything.
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


def needed_permissions(operation: str, request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the actions that a request to DynamoDB needs, each with a table or index as the end of its ARN.

    A batch names its tables in RequestItems. A transaction needs the actions of its items, none of its own:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    if operation == "TransactWriteItems":
        return [
            (f"dynamodb:{TRANSACTION_ACTIONS[kind]}", f"table/{parameters['TableName']}")
            for item in request["TransactItems"]
            for kind, parameters in item.items()
        ]
    tables = request.get("RequestItems") or [request.get("TableName")]
    index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
    return [(f"dynamodb:{operation}", f"table/{table}{index}") for table in tables]


def kinesis_permissions(operation: str, request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the action that a request to Kinesis needs, with its data stream; none if it names no stream."""
    name = request.get("StreamName") or request.get("StreamARN", "").partition("/")[2]
    return [(f"kinesis:{operation}", f"stream/{name}")] if name else []


def s3_call(method: str, url: str) -> tuple[str, str]:
    """Return the action of a request to S3, and the ARN of its object, or of its bucket without a key.

    The bucket is in the path, as clients address it that are given an IP address.
    """
    bucket, _, key = unquote(urlsplit(url).path).lstrip("/").partition("/")
    if not key:
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}"
    verb = {"GET": "Get", "HEAD": "Get", "DELETE": "Delete"}.get(method, "Put")
    return f"s3:{verb}Object", f"arn:aws:s3:::{bucket}/{key}"


class RolePolicies:
    """The Policies of the functions in the local AWS, kept for some seconds."""

    def __init__(self, aws_url: str, *, cache_seconds: float = CACHE_SECONDS) -> None:
        self._cache_seconds = cache_seconds
        self._lambda = local_system.aws_client("lambda", aws_url)
        self._iam = local_system.aws_client("iam", aws_url)
        self._cache: dict[str, tuple[float, list[str] | None]] = {}

    def __call__(self, function: str) -> list[str] | None:
        """Return the documents of all inline policies of the function's role."""
        fetched_at, documents = self._cache.get(function, (None, None))
        if fetched_at is None or time.monotonic() - fetched_at >= self._cache_seconds:
            documents = self._fetch(function)
            self._cache[function] = (time.monotonic(), documents)
        return documents

    def _fetch(self, function: str) -> list[str] | None:
        try:
            arn = self._lambda.get_function_configuration(FunctionName=function)["Role"]
        except self._lambda.exceptions.ResourceNotFoundException:
            return None
        role = arn.rpartition("/")[2]
        return [
            json.dumps(self._iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            for name in self._iam.list_role_policies(RoleName=role)["PolicyNames"]
        ]
