"""How the result of a Lambda authorizer is evaluated."""

import json
from typing import Any

import pytest

from scripts.local.gateway import lambda_authorizer
from scripts.local.lambda_.invocation import Result

ARN = "arn:aws:execute-api:us-east-1:123456789012:ws1/ws/$connect"


def _policy(*statements: dict[str, Any], **more: Any) -> Result:
    response = {"principalId": "somebody", "policyDocument": {"Statement": list(statements)}, **more}
    return Result(json.dumps(response).encode())


def _statement(
    effect: str = "Allow", action: Any = "execute-api:Invoke", resource: Any = ARN
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource}


@pytest.mark.parametrize("resource", [ARN, "*", "arn:aws:execute-api:*:*:ws1/*", [ARN, "another"]])
@pytest.mark.parametrize(
    "action", ["execute-api:Invoke", "execute-api:*", ["s3:GetObject", "execute-api:invoke"]]
)
def test_an_allowed_call_comes_with_its_context_as_strings(resource: Any, action: Any):
    result = _policy(_statement(resource=resource, action=action), context={"a": "b", "n": 1, "yes": True})

    context = lambda_authorizer.parse_result(result, ARN)

    assert context == {"principalId": "somebody", "a": "b", "n": "1", "yes": "true"}


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [_statement("Deny")],
        [_statement("Allow"), _statement("Deny", resource="*")],
        [_statement(resource=ARN.replace("$connect", "other"))],
        [_statement(action="execute-api:ManageConnections")],
    ],
)
def test_a_call_that_the_policy_does_not_allow_is_denied(statements: list[dict[str, Any]]):
    with pytest.raises(lambda_authorizer.Denied):
        lambda_authorizer.parse_result(_policy(*statements), ARN)


def test_exactly_unauthorized_is_a_401():
    failed = Result(b'{"errorMessage": "Unauthorized", "errorType": "Unauthorized"}', error="Unhandled")

    with pytest.raises(lambda_authorizer.Unauthorized):
        lambda_authorizer.parse_result(failed, ARN)


@pytest.mark.parametrize(
    "result",
    [
        Result(b'{"errorMessage": "unauthorized"}', error="Unhandled"),
        Result(b'{"errorMessage": "Unauthorized: expired"}', error="Unhandled"),
        Result(b"null"),
        Result(b"nonsense"),
        Result(b'"Allow"'),
        Result(b'{"principalId": "x"}'),
        Result(b'{"principalId": "x", "policyDocument": {"Statement": [{"Effect": "Allow"}]}}'),
        _policy(_statement(), context={"nested": {"a": 1}}),
        _policy(_statement(), context=["a"]),
        _policy(_statement(), principalId=5),
    ],
)
def test_any_other_result_is_malformed(result: Result):
    with pytest.raises(lambda_authorizer.MalformedResponse):
        lambda_authorizer.parse_result(result, ARN)
