"""The system is configured by `terraform show -json`; unsupported configurations are refused."""

import copy
import json
from typing import Any

import pytest

from scripts.local.config import system_config
from scripts.local.config.http_api import Cors, JwtAuthorizer
from scripts.local.config.routes import Throttle
from scripts.local.config.schedules import Schedule
from scripts.local.config.terraform_state import NotServable
from tests.support import websocket_state
from tests.unit.scripts.local.conftest import CLIENT_ID, ISSUER

FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:make"
EXECUTION_ARN = "arn:aws:execute-api:us-east-1:123456789012:abc123"

RESOURCES: dict[str, dict[str, Any]] = {
    "aws_apigatewayv2_api": {
        "id": "abc123",
        "protocol_type": "HTTP",
        "api_endpoint": "https://abc123.execute-api.us-east-1.amazonaws.com",
        "execution_arn": EXECUTION_ARN,
        "cors_configuration": [
            {
                "allow_origins": ["*"],
                "allow_methods": ["POST"],
                "allow_headers": None,
                "expose_headers": ["etag"],
                "allow_credentials": False,
                "max_age": 60,
            }
        ],
    },
    "aws_apigatewayv2_stage": {
        "api_id": "abc123",
        "name": "$default",
        "stage_variables": None,
        "default_route_settings": [{"throttling_rate_limit": 5, "throttling_burst_limit": 10}],
        "route_settings": [],
        "access_log_settings": [{"format": "$context.status"}],
    },
    "aws_apigatewayv2_route": {
        "api_id": "abc123",
        "route_key": "POST /sessions",
        "target": "integrations/int1",
        "authorization_type": "JWT",
        "authorizer_id": "aut1",
        "authorization_scopes": None,
    },
    "aws_apigatewayv2_integration": {
        "id": "int1",
        "api_id": "abc123",
        "integration_type": "AWS_PROXY",
        "payload_format_version": "2.0",
        "integration_uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015/functions/{FUNCTION_ARN}/x",
        "timeout_milliseconds": 11_000,
    },
    "aws_apigatewayv2_authorizer": {
        "id": "aut1",
        "api_id": "abc123",
        "authorizer_type": "JWT",
        "identity_sources": ["$request.header.Authorization"],
        "jwt_configuration": [{"issuer": ISSUER, "audience": [CLIENT_ID]}],
    },
    "aws_lambda_permission": {
        "function_name": "make",
        "principal": "apigateway.amazonaws.com",
        "source_arn": f"{EXECUTION_ARN}/*/POST/sessions",
    },
    "aws_scheduler_schedule": {
        "name": "each-minute",
        "schedule_expression": "rate(1 minute)",
        "flexible_time_window": [{"mode": "OFF"}],
        "state": "ENABLED",
        "start_date": None,
        "end_date": None,
        "target": [{"arn": f"{FUNCTION_ARN}:live", "input": "{}"}],
    },
    "aws_lambda_function": {
        "function_name": "make",
        "arn": FUNCTION_ARN,
        "handler": "functions.make.handler.handler",
        "runtime": "python3.11",
        "architectures": ["arm64"],
        "memory_size": 512,
        "timeout": 10,
        "environment": [{"variables": {"ENV": "local"}}],
        "reserved_concurrent_executions": -1,
        "logging_config": [{"log_format": "JSON", "application_log_level": "DEBUG"}],
    },
}


def _terraform_show(*, without: str = "", **changed: dict[str, Any]) -> str:
    """The output of Terraform: one resource of each kind, each in a module, with some changed fields."""
    resources = copy.deepcopy(RESOURCES)
    for kind, values in changed.items():
        resources[kind] |= values
    modules = [
        {"resources": [{"mode": "managed", "type": kind, "values": values}]}
        for kind, values in resources.items()
        if kind != without
    ]
    modules.append(websocket_state.resources())
    outputs = {"user_pool_id": {"value": "us-east-1_pool"}, "user_pool_client_id": {"value": CLIENT_ID}}
    return json.dumps({"values": {"outputs": outputs, "root_module": {"child_modules": modules}}})


def test_a_route_is_read_with_its_function_authorizer_and_throttle():
    (route,) = system_config.read(_terraform_show()).http_api.routes

    assert (route.key, route.function, route.timeout, route.permitted) == (
        "POST /sessions",
        "make",
        11.0,
        True,
    )
    assert route.authorizer == JwtAuthorizer(ISSUER, (CLIENT_ID,), "authorization")
    assert route.throttle == Throttle(rate=5, burst=10)


def test_a_routes_own_throttle_comes_before_the_stages():
    own = {"route_key": "POST /sessions", "throttling_rate_limit": 1, "throttling_burst_limit": 2}

    (route,) = system_config.read(
        _terraform_show(aws_apigatewayv2_stage={"route_settings": [own]})
    ).http_api.routes

    assert route.throttle == Throttle(rate=1, burst=2)


def test_the_api_is_read_with_its_cors_and_log_format():
    api = system_config.read(_terraform_show()).http_api

    assert (api.id, api.account, api.domain) == (
        "abc123",
        "123456789012",
        "abc123.execute-api.us-east-1.amazonaws.com",
    )
    assert api.cors == Cors(("*",), ("POST",), (), ("etag",), False, 60)
    assert api.access_log_format == "$context.status"


def test_a_function_is_read_with_its_runtime_and_environment():
    function = system_config.read(_terraform_show()).functions["make"]

    assert (function.runtime, function.architecture) == ("python3.11", "arm64")
    assert function.environment == {"ENV": "local"}
    assert (function.timeout, function.reserved_concurrency, function.log_level) == (10, None, "DEBUG")


def test_a_schedule_is_read_with_its_function():
    assert system_config.read(_terraform_show()).schedules == (Schedule("each-minute", "make", "{}"),)


@pytest.mark.parametrize(
    "permission",
    [
        {"source_arn": f"{EXECUTION_ARN}/*/GET/sessions"},
        {"function_name": "another"},
        {"principal": "s3.amazonaws.com"},
    ],
)
def test_a_permission_for_something_else_permits_nothing(permission):
    (route,) = system_config.read(_terraform_show(aws_lambda_permission=permission)).http_api.routes

    assert not route.permitted


@pytest.mark.parametrize(
    ("without", "changed"),
    [
        ("aws_apigatewayv2_api", {}),
        ("aws_apigatewayv2_stage", {}),
        ("aws_apigatewayv2_integration", {}),
        ("aws_apigatewayv2_authorizer", {}),
        ("aws_lambda_function", {}),
        ("", {"aws_apigatewayv2_route": {"target": "integrations/gone"}}),
        ("", {"aws_apigatewayv2_integration": {"payload_format_version": "1.0"}}),
        ("", {"aws_apigatewayv2_integration": {"integration_uri": "https://example.com"}}),
        ("", {"aws_apigatewayv2_authorizer": {"authorizer_type": "REQUEST"}}),
        ("", {"aws_scheduler_schedule": {"target": [{"arn": f"{FUNCTION_ARN}-gone", "input": "{}"}]}}),
    ],
)
def test_an_unsupported_configuration_is_refused(without: str, changed: dict[str, Any]):
    with pytest.raises(NotServable):
        system_config.read(_terraform_show(without=without, **changed))


def test_a_state_without_outputs_is_refused():
    state = json.loads(_terraform_show())
    del state["values"]["outputs"]["user_pool_id"]

    with pytest.raises(NotServable, match="no output user_pool_id"):
        system_config.read(json.dumps(state))
