"""Lambda's Invoke on the local AWS, with which operators and other programs run a function."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from scripts import local_system
from scripts.local.system import System

PREFIX = "session-service-local-"


def lambda_client(local: System, access_key: str) -> Any:
    """Return a client that signs as the function or the person with this access key."""
    session: Any = boto3.Session(access_key, "local", "local", region_name=local_system.REGION)
    return session.client("lambda", endpoint_url=local.aws.url)


def test_a_function_is_invoked_by_its_alias(local: System):
    response = lambda_client(local, "somebody").invoke(
        FunctionName=f"{local.config.functions[f'{PREFIX}session_changed'].arn}:live",
        Payload=json.dumps({"Records": []}),
    )

    assert (response["StatusCode"], response["ExecutedVersion"].isdecimal()) == (200, True)
    assert json.load(response["Payload"]) == {"batchItemFailures": []}


def test_a_function_that_fails_is_reported(local: System):
    response = lambda_client(local, "somebody").invoke(
        FunctionName=f"{PREFIX}session_changed:live", Payload=b"[]"
    )

    assert (response["StatusCode"], response["FunctionError"]) == (200, "Unhandled")
    assert json.load(response["Payload"])["errorType"]


def test_a_function_may_not_invoke_another(local: System):
    with pytest.raises(ClientError, match="AccessDeniedException"):
        lambda_client(local, f"{PREFIX}get_session").invoke(FunctionName=f"{PREFIX}session_changed:live")
