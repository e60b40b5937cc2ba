"""A WebSocket API and an event source mapping, as resources of a Terraform state."""

import copy
from typing import Any

EXECUTION_ARN = "arn:aws:execute-api:us-east-1:123456789012:ws1"
STREAM_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/sessions/stream/2026-11-23T17:08:45.669"
BUCKET_ARN = "arn:aws:s3:::failed-records"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:make"
INVOKE = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION_ARN}/invocations"


def _route(key: str, integration: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"route-{key}",
        "api_id": "ws1",
        "route_key": key,
        "target": f"integrations/{integration}",
        "authorization_type": "NONE",
        "authorizer_id": None,
        "route_response_selection_expression": None,
        **more,
    }


RESOURCES: dict[str, tuple[str, dict[str, Any]]] = {
    "api": (
        "aws_apigatewayv2_api",
        {
            "id": "ws1",
            "protocol_type": "WEBSOCKET",
            "api_endpoint": "https://ws1.execute-api.us-east-1.amazonaws.com",
            "execution_arn": EXECUTION_ARN,
            "route_selection_expression": "$request.body.action",
        },
    ),
    "stage": (
        "aws_apigatewayv2_stage",
        {
            "api_id": "ws1",
            "name": "ws",
            "stage_variables": None,
            "default_route_settings": [{"throttling_rate_limit": 50, "throttling_burst_limit": 100}],
            "route_settings": [
                {"route_key": "$connect", "throttling_rate_limit": 5, "throttling_burst_limit": 9}
            ],
            "access_log_settings": [{"format": "$context.connectionId"}],
        },
    ),
    "authorizer": (
        "aws_apigatewayv2_authorizer",
        {
            "id": "aut9",
            "api_id": "ws1",
            "authorizer_type": "REQUEST",
            "identity_sources": None,
            "authorizer_uri": INVOKE,
        },
    ),
    "connect": (
        "aws_apigatewayv2_route",
        _route("$connect", "function", authorization_type="CUSTOM", authorizer_id="aut9"),
    ),
    "disconnect": ("aws_apigatewayv2_route", _route("$disconnect", "function")),
    "default": (
        "aws_apigatewayv2_route",
        _route("$default", "reply", route_response_selection_expression="$default"),
    ),
    "ask": (
        "aws_apigatewayv2_route",
        _route("ask", "function", route_response_selection_expression="$default"),
    ),
    "tell": ("aws_apigatewayv2_route", _route("tell", "function")),
    "silent": ("aws_apigatewayv2_route", _route("silent", "reply")),
    "function": (
        "aws_apigatewayv2_integration",
        {
            "id": "function",
            "api_id": "ws1",
            "integration_type": "AWS_PROXY",
            "payload_format_version": "1.0",
            "integration_uri": INVOKE,
            "timeout_milliseconds": 11_000,
        },
    ),
    "reply": (
        "aws_apigatewayv2_integration",
        {
            "id": "reply",
            "api_id": "ws1",
            "integration_type": "MOCK",
            "payload_format_version": "1.0",
            "integration_uri": None,
            "timeout_milliseconds": 29_000,
        },
    ),
    "integration_response": (
        "aws_apigatewayv2_integration_response",
        {
            "integration_id": "reply",
            "integration_response_key": "/200/",
            "template_selection_expression": "200",
            "response_templates": {"200": '{"type":"error"}'},
        },
    ),
    "route_response": (
        "aws_apigatewayv2_route_response",
        {"route_id": "route-$default", "route_response_key": "$default"},
    ),
    "route_response_of_ask": (
        "aws_apigatewayv2_route_response",
        {"route_id": "route-ask", "route_response_key": "$default"},
    ),
    "may_connect": (
        "aws_lambda_permission",
        {
            "function_name": "make",
            "principal": "apigateway.amazonaws.com",
            "source_arn": f"{EXECUTION_ARN}/ws/$connect",
        },
    ),
    "may_ask": (
        "aws_lambda_permission",
        {
            "function_name": "make",
            "principal": "apigateway.amazonaws.com",
            "source_arn": f"{EXECUTION_ARN}/ws/ask",
        },
    ),
    "may_authorize": (
        "aws_lambda_permission",
        {
            "function_name": "make",
            "principal": "apigateway.amazonaws.com",
            "source_arn": f"{EXECUTION_ARN}/authorizers/aut9",
        },
    ),
    "alias": ("aws_lambda_alias", {"function_name": "make", "arn": f"{FUNCTION_ARN}:live"}),
    "bucket": ("aws_s3_bucket", {"arn": BUCKET_ARN, "bucket": "failed-records"}),
    "mapping": (
        "aws_lambda_event_source_mapping",
        {
            "uuid": "11111111-2222-3333-4444-555555555555",
            "function_arn": FUNCTION_ARN,
            "event_source_arn": STREAM_ARN,
            "starting_position": "LATEST",
            "batch_size": 10,
            "parallelization_factor": 1,
            "maximum_batching_window_in_seconds": 0,
            "maximum_retry_attempts": 3,
            "maximum_record_age_in_seconds": -1,
            "bisect_batch_on_function_error": True,
            "function_response_types": ["ReportBatchItemFailures"],
            "filter_criteria": [{"filter": [{"pattern": '{"eventName":["MODIFY","REMOVE"]}'}]}],
            "destination_config": [{"on_failure": [{"destination_arn": BUCKET_ARN}]}],
        },
    ),
}


def resources(*, without: tuple[str, ...] = (), **changed: dict[str, Any]) -> dict[str, Any]:
    """Return a module with all of them, except those in `without`, and with changed values."""
    all_resources = copy.deepcopy(RESOURCES)
    for name, values in changed.items():
        all_resources[name][1].update(values)
    return {
        "resources": [
            {"mode": "managed", "type": kind, "values": values}
            for name, (kind, values) in all_resources.items()
            if name not in without
        ]
    }
