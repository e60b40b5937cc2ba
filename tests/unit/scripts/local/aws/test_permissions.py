"""Functions may do what their roles allow, and their calls are logged."""

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.local.aws.permissions import Permissions, kinesis_permissions, needed_permissions

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions"
POLICIES = {
    "reader": [
        json.dumps({"Statement": [{"Effect": "Allow", "Action": ["dynamodb:GetItem"], "Resource": TABLE}]}),
        json.dumps(
            {"Statement": [{"Effect": "Allow", "Action": "dynamodb:Query", "Resource": f"{TABLE}/index/*"}]}
        ),
    ],
    "without_policies": [],
}


def signed_by(key: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/dynamodb/aws4_request, Signature=00"


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    return tmp_path / "calls.log"


@pytest.fixture
def permissions(calls: Path) -> Permissions:
    return Permissions(POLICIES.get, calls)


@pytest.mark.parametrize(
    ("function", "action", "resource", "allowed"),
    [
        ("reader", "dynamodb:GetItem", TABLE, True),
        ("reader", "dynamodb:Query", f"{TABLE}/index/bySpeaker", True),
        ("reader", "dynamodb:PutItem", TABLE, False),
        ("reader", "dynamodb:Scan", TABLE, False),
        ("reader", "dynamodb:GetItem", f"{TABLE}-of-others", False),
        ("reader", "dynamodb:Query", TABLE, False),
        ("without_policies", "dynamodb:GetItem", TABLE, False),
    ],
)
def test_a_function_may_do_what_one_of_its_policies_allows_and_it_is_logged(
    permissions: Permissions, calls: Path, function: str, action: str, resource: str, allowed: bool
):
    assert permissions.allow(signed_by(function), action, resource) is allowed

    assert json.loads(calls.read_text()) == {
        "function": function, "action": action, "resource": resource, "allowed": allowed,
    }  # fmt: skip


@pytest.mark.parametrize("authorization", [signed_by("local"), "", "Bearer x"])
def test_callers_that_are_no_functions_may_do_everything_and_are_not_logged(
    permissions: Permissions, calls: Path, authorization: str
):
    assert permissions.allow(authorization, "dynamodb:DeleteTable", TABLE)

    assert not calls.exists()


@pytest.mark.parametrize(
    ("operation", "request_", "permissions"),
    [
        ("GetItem", {"TableName": "sessions", "Key": {}}, [("dynamodb:GetItem", "table/sessions")]),
        (
            "Query",
            {"TableName": "sessions", "IndexName": "byDueAt"},
            [("dynamodb:Query", "table/sessions/index/byDueAt")],
        ),
        (
            "BatchWriteItem",
            {"RequestItems": {"connections": [], "sessions": []}},
            [("dynamodb:BatchWriteItem", "table/connections"), ("dynamodb:BatchWriteItem", "table/sessions")],
        ),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"Put": {"TableName": "idempotency_keys"}},
                    {"Update": {"TableName": "sessions"}},
                    {"Delete": {"TableName": "connections"}},
                    {"ConditionCheck": {"TableName": "sessions"}},
                ]
            },
            [
                ("dynamodb:PutItem", "table/idempotency_keys"),
                ("dynamodb:UpdateItem", "table/sessions"),
                ("dynamodb:DeleteItem", "table/connections"),
                ("dynamodb:ConditionCheckItem", "table/sessions"),
            ],
        ),
    ],
)
def test_a_request_needs_permission_for_its_index_its_tables_or_each_item_of_its_transaction(
    operation: str, request_: dict[str, Any], permissions: list[tuple[str, str]]
):
    assert needed_permissions(operation, request_) == permissions


@pytest.mark.parametrize(
    ("request_", "permissions"),
    [
        ({"StreamName": "audio", "Data": "QQ=="}, [("kinesis:PutRecord", "stream/audio")]),
        (
            {"StreamARN": "arn:aws:kinesis:us-east-1:123456789012:stream/audio"},
            [("kinesis:PutRecord", "stream/audio")],
        ),
        ({"ShardIterator": "AAAA"}, []),
    ],
)
def test_a_request_to_kinesis_needs_permission_for_its_stream(
    request_: dict[str, Any], permissions: list[tuple[str, str]]
):
    assert kinesis_permissions("PutRecord", request_) == permissions
