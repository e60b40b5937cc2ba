"""The evaluation of policies and of requests, by which deployers' permissions are judged."""

import pytest

from tests.conformance.deployment.permissions import ApiCall, required
from tests.conformance.deployment.policies import Permission, actions, allows

POLICY = {
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["lambda:GetFunction", "lambda:GetAlias"],
            "Resource": ["arn:aws:lambda:us-east-1:210987654321:function:ours-*"],
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        },
    ]
}
OURS = "arn:aws:lambda:us-east-1:210987654321:function:ours-health"


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (Permission("lambda:GetFunction", OURS), True),
        (Permission("lambda:GetFunction", OURS.replace("ours", "theirs")), False),
        (Permission("lambda:DeleteFunction", OURS), False),
        (Permission("iam:PassRole", "arn:role", {"iam:passedtoservice": "lambda.amazonaws.com"}), True),
        (Permission("iam:PassRole", "arn:role", {"iam:passedtoservice": "ec2.amazonaws.com"}), False),
        (Permission("iam:PassRole", "arn:role"), False),
    ],
    ids=str,
)
def test_a_policy_allows_an_action_on_its_resources_under_its_conditions(
    permission: Permission, allowed: bool
):
    assert allows(POLICY, permission) is allowed


def test_the_actions_of_a_policy_are_those_of_all_statements():
    assert actions(POLICY) == {"lambda:GetFunction", "lambda:GetAlias", "iam:PassRole"}


@pytest.mark.parametrize(
    ("call", "permissions"),
    [
        (
            ApiCall("S3", "HeadObject", "HEAD", "https://host/bucket/folder/key", ""),
            {"s3:GetObject on arn:aws:s3:::bucket/folder/key"},
        ),
        (
            ApiCall("S3", "DeleteObject", "DELETE", "https://host/bucket/key?versionId=1", ""),
            {"s3:DeleteObjectVersion on arn:aws:s3:::bucket/key"},
        ),
        (
            ApiCall(
                "Kinesis",
                "CreateStream",
                "POST",
                "https://host/",
                '{"StreamName":"audio","Tags":{"Service":"ours"}}',
            ),
            {
                "kinesis:CreateStream on arn:aws:kinesis:us-east-1:210987654321:stream/audio",
                "kinesis:AddTagsToStream on arn:aws:kinesis:us-east-1:210987654321:stream/audio",
            },
        ),
        (
            ApiCall("Kinesis", "DescribeLimits", "POST", "https://host/", "{}"),
            {"kinesis:DescribeLimits on *"},
        ),
        (
            ApiCall("ApiGatewayV2", "UpdateStage", "PATCH", "https://host/v2/apis/1/stages/ws", "{}"),
            {"apigateway:PATCH on arn:aws:apigateway:us-east-1::/apis/1/stages/ws"},
        ),
        (
            ApiCall(
                "Lambda",
                "CreateFunction",
                "POST",
                "https://host/2015-03-31/functions",
                '{"FunctionName": "ours-health", "Role": "arn:role", "Tags": {"Team": "live"},'
                ' "Code": {"S3Bucket": "bucket", "S3Key": "key"}}\n',
            ),
            {
                f"lambda:CreateFunction on {OURS}",
                f"lambda:TagResource on {OURS}",
                "iam:PassRole on arn:role",
                "s3:GetObject on arn:aws:s3:::bucket/key",
            },
        ),
        (
            ApiCall(
                "Scheduler",
                "CreateSchedule",
                "POST",
                "https://host/schedules/ours",
                '{"GroupName": "default", "Target": {"Arn": "arn:alias", "RoleArn": "arn:role"}}\n',
            ),
            {
                "scheduler:CreateSchedule on arn:aws:scheduler:us-east-1:210987654321:schedule/default/ours",
                "iam:PassRole on arn:role",
            },
        ),
        (
            ApiCall(
                "SNS",
                "CreateTopic",
                "POST",
                "https://host/",
                "Action=CreateTopic&Name=ours&Tags.member.1.Key=Team",
            ),
            {
                "sns:CreateTopic on arn:aws:sns:us-east-1:210987654321:ours",
                "sns:TagResource on arn:aws:sns:us-east-1:210987654321:ours",
            },
        ),
    ],
    ids=lambda value: value.operation if isinstance(value, ApiCall) else "",
)
def test_a_call_takes_the_permissions_of_its_operation_and_of_what_it_passes_on(
    call: ApiCall, permissions: set[str]
):
    assert {str(permission) for permission in required(call)} == permissions
