"""What ministack does otherwise than AWS, with the reason for each: the one list of exceptions.

Whatever else differs fails. An exception that no longer occurs fails too, so that the list stays true.
"""

import pytest

MISJUDGED: dict[tuple[str, str], str] = {
    ("budgets:CreateBudget", "*"): "AWS asks for budgets:ModifyBudget on the budget",
    ("budgets:CreateNotification", "*"): "AWS asks for budgets:ModifyBudget on the budget",
    ("budgets:DeleteBudget", "*"): "AWS asks for budgets:ModifyBudget on the budget",
    ("budgets:DescribeBudget", "*"): "AWS asks for budgets:ViewBudget on the budget",
    ("budgets:DescribeNotificationsForBudget", "*"): "AWS asks for budgets:ViewBudget on the budget",
    ("budgets:DescribeSubscribersForNotification", "*"): "AWS asks for budgets:ViewBudget on the budget",
    ("budgets:ListTagsForResource", "*"): "judged without the budget",
    ("budgets:TagResource", "*"): "judged without the budget",
    ("budgets:UntagResource", "*"): "judged without the budget",
    ("budgets:UpdateBudget", "*"): "AWS asks for budgets:ModifyBudget on the budget",
    ("cloudwatch:DeleteAlarms", "*"): "judged without the alarm",
    ("cloudwatch:DeleteDashboards", "*"): "judged without the dashboard",
    ("cloudwatch:GetDashboard", "*"): "judged without the dashboard",
    ("cloudwatch:ListTagsForResource", "*"): "judged without the alarm",
    ("cloudwatch:PutDashboard", "*"): "judged without the dashboard",
    ("cloudwatch:TagResource", "*"): "judged without the alarm",
    ("cloudwatch:UntagResource", "*"): "judged without the alarm",
    ("cognito-idp:TagResource", "*"): "judged without the user pool",
    ("cognito-idp:UntagResource", "*"): "judged without the user pool",
    ("dynamodb:ListTagsOfResource", "*"): "judged without the table",
    ("dynamodb:TagResource", "*"): "judged without the table",
    ("dynamodb:UntagResource", "*"): "judged without the table",
    ("lambda:CreateEventSourceMapping", "*"): "judged without the condition key lambda:FunctionArn",
    ("lambda:CreateFunction", "*"): "judged without the function",
    ("lambda:ListAliases", "arn:aws:lambda:*:function:*"): "AWS asks for the action on one alias",
    ("lambda:ListEventSourceMappings", "arn:aws:lambda:*:event-source-mapping:*"): (
        "AWS asks for lambda:GetEventSourceMapping"
    ),
    ("sns:ListTagsForResource", "*"): "judged without the topic",
    ("sns:TagResource", "*"): "judged without the topic",
    ("sns:UntagResource", "*"): "judged without the topic",
}
"""Requests that ministack denies and AWS allows: the action and the resource as ministack derives them."""

_ALARM = "module.alarms*.aws_cloudwatch_metric_alarm.this*"
_COMPOSITE_ALARM = "module.alarms*.aws_cloudwatch_composite_alarm.burn_rate*"
_REPLY = "module.websocket_api.aws_apigatewayv2_integration.reply*"

FORGOTTEN: dict[tuple[str, str], str] = {
    (_ALARM, "actions_enabled"): "not returned",
    (_ALARM, "alarm_actions"): "not returned",
    (_ALARM, "alarm_description"): "not returned",
    (_ALARM, "ok_actions"): "not returned",
    (_ALARM, "treat_missing_data"): "not returned",
    (_COMPOSITE_ALARM, "actions_enabled"): "not returned",
    (_COMPOSITE_ALARM, "alarm_actions"): "not returned",
    (_COMPOSITE_ALARM, "alarm_description"): "not returned",
    (_COMPOSITE_ALARM, "insufficient_data_actions"): "not returned",
    (_COMPOSITE_ALARM, "ok_actions"): "not returned",
    (_COMPOSITE_ALARM, "tags"): "not returned",
    ("module.http_api.aws_apigatewayv2_authorizer.jwt", "authorizer_payload_format_version"): "invented",
    ("module.stream_consumer*.aws_lambda_event_source_mapping.this", "metrics_config"): "not kept",
    (
        "module.websocket_api.aws_apigatewayv2_authorizer.this",
        "authorizer_payload_format_version",
    ): "invented",
    ("module.websocket_api.aws_apigatewayv2_authorizer.this", "jwt_configuration"): "invented, and empty",
    (_REPLY, "integration_method"): "invented: an integration of the type MOCK has none",
    (_REPLY, "template_selection_expression"): "not kept",
}
"""What a second plan changes: a pattern of the address and the attribute."""

HANDSHAKE_STATUSES = {401: 500, 404: 403}
"""The statuses of refused handshakes that the smoke test expects, and those of ministack."""

_REFUSED = "a refused handshake has the status 403, whatever $connect returns"
_SLASH = "a slash at the end of a path is ignored"

FAILING: dict[tuple[str, str], str] = {
    ("test_a_speaker_receives_the_audience_at_most_once_a_second", ""): (
        "event source mappings do not wait for the end of their batching window"
    ),
    ("test_a_malformed_id_is_404", "-False"): _SLASH,
    ("test_an_unknown_route_is_api_gateways_404", "/health/"): _SLASH,
    (
        "test_a_bad_body_is_400_naming_each_field",
        "application/json-b'{\"sourceLanguage\": \"\\\\x-['body']",
    ): "bytes that are not UTF-8 are replaced",
    ("test_a_response_is_json_for_any_origin_without_credentials", "DELETE-None-None"): (
        "a response without a body gets a Content-Type"
    ),
    ("test_a_listener_gives_a_language_that_is_supported", "*"): _REFUSED,
    ("test_a_session_id_is_required", "*"): _REFUSED,
    ("test_an_ended_session_is_gone", "*"): _REFUSED,
    ("test_heartbeats_are_answered_and_anything_else_is_an_unknown_action", ""): (
        "the variables of a mock integration's response template are not replaced"
    ),
    ("test_an_unknown_session_is_not_found", "*"): _REFUSED,
    ("test_an_invalid_token_is_refused_and_does_not_make_a_listener", "*"): (
        "a handshake has the status 500 when its authorizer raises `Unauthorized`"
    ),
}
"""Tests of both APIs that fail: the function and the id of its parameters, or `*` for all."""


def reason(item: pytest.Item) -> str | None:
    """Return why a test fails, or None for one that must pass."""
    return next((FAILING[key] for key in keys(item) if key in FAILING), None)


def keys(item: pytest.Item) -> set[tuple[str, str]]:
    """Return the keys that a test may have in FAILING."""
    if not isinstance(item, pytest.Function):
        return set()
    parameters = item.callspec.id if hasattr(item, "callspec") else ""
    return {(item.originalname, parameters), (item.originalname, "*")}


_ACCESS_LOGS = (
    "The caller that enables access logs needs it: "
    "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html"
)
_TAGS = "AWS asks for some of these when something is created with tags; no emulator knows which"
_CODE = "what changes it is in the code, and no value in tfvars"

NOT_CALLED: dict[str, str] = {
    "apigateway:PUT": _TAGS,
    "apigateway:TagResource": _TAGS,
    "apigateway:UntagResource": _TAGS,
    "cognito-idp:SetUserPoolMfaConfig": _CODE,
    "cognito-idp:UpdateUserPoolClient": _CODE,
    "iam:CreateServiceLinkedRole": "the caller that creates the first API of an account needs it",
    "iam:UpdateAssumeRolePolicy": _CODE,
    "iam:UpdateRole": _CODE,
    "kinesis:RemoveTagsFromStream": "ministack does not keep the tags of a new stream, so none is removed",
    "lambda:UpdateAlias": "the rollout calls it, and ministack takes it for lambda:ListAliases",
    "logs:CreateLogDelivery": _ACCESS_LOGS,
    "logs:DeleteLogDelivery": _ACCESS_LOGS,
    "logs:DeleteRetentionPolicy": _CODE,
    "logs:DescribeLogStreams": _ACCESS_LOGS,
    "logs:DescribeResourcePolicies": _ACCESS_LOGS,
    "logs:FilterLogEvents": _ACCESS_LOGS,
    "logs:GetLogDelivery": _ACCESS_LOGS,
    "logs:GetLogEvents": _ACCESS_LOGS,
    "logs:ListLogDeliveries": _ACCESS_LOGS,
    "logs:PutResourcePolicy": _ACCESS_LOGS,
    "logs:UpdateLogDelivery": _ACCESS_LOGS,
    "scheduler:UpdateSchedule": _CODE,
}
"""Not ministack's: actions that deployers may take although no deployment here calls them."""
