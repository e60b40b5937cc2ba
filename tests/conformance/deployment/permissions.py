"""Requests to AWS, as the provider logs them, and the permissions that AWS wants for each.

An operation and its IAM action may have different names. The Service Authorization Reference has a page for
each service: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.conformance.deployment.policies import Permission
from tests.conformance.emulator import ACCOUNT, REGION


@dataclass(frozen=True)
class ApiCall:
    """One request, by the provider's names of the service and of the operation."""

    service: str
    operation: str
    method: str
    url: str
    body: str
    has_tagging_header: bool = False

    @property
    def path(self) -> str:
        """The path of the URL, not decoded."""
        return urlsplit(self.url).path

    @property
    def parameters(self) -> dict[str, Any]:
        """The fields of a JSON body or of a form; empty for others."""
        if self.body.startswith("{"):
            fields: dict[str, Any] = json.JSONDecoder().raw_decode(self.body)[0]  # the log adds a line feed
            return fields
        return dict(parse_qsl(self.body)) if self.body.startswith("Action=") else {}


def read_log(log: Path) -> Iterator[ApiCall]:
    """Yield the requests in a log of `TF_LOG=JSON`."""
    with log.open() as lines:
        for line in lines:
            if '"@message":"HTTP Request Sent"' in line:  # most of the log is about something else
                entry = json.loads(line)
                yield ApiCall(
                    entry["rpc.service"],
                    entry["rpc.method"],
                    entry["http.method"],
                    entry["http.url"],
                    entry.get("http.request.body", ""),
                    "http.request.header.x_amz_tagging" in entry,
                )


def required(call: ApiCall) -> list[Permission]:
    """Return the permissions that a call takes. Raises KeyError for a service that is not known here yet."""
    return _SERVICES[call.service](call)


def _arn(service: str, resource: str, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


def _tagged(call: ApiCall, action: str, resource: str) -> list[Permission]:
    """Return the permission to tag, for a call that creates something with tags."""
    has_tags = any(
        key.lower().startswith(("tags", "resourcetags", "userpooltags")) for key in call.parameters
    )
    return [Permission(action, resource)] if has_tags else []


def _api_gateway(call: ApiCall) -> list[Permission]:
    # The actions are HTTP's methods, and a resource is its path without the version.
    resource = f"arn:aws:apigateway:{REGION}::{call.path.removeprefix('/v2')}"
    if call.operation in ("TagResource", "UntagResource"):
        resource = f"arn:aws:apigateway:{REGION}::/tags/{call.path.partition('/tags/')[2]}"
        return [Permission(f"apigateway:{call.method}", resource)]
    return [Permission(f"apigateway:{call.method}", resource)]


def _budgets(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    if "ResourceARN" in parameters:
        return [Permission(f"budgets:{call.operation}", parameters["ResourceARN"])]
    name = parameters.get("BudgetName") or parameters.get("Budget", parameters.get("NewBudget"))["BudgetName"]
    action = "budgets:ViewBudget" if call.operation.startswith("Describe") else "budgets:ModifyBudget"
    resource = _arn("budgets", f"budget/{name}", region="")
    return [Permission(action, resource), *_tagged(call, "budgets:TagResource", resource)]


def _cloudwatch(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    action = f"cloudwatch:{call.operation}"
    if "Dashboard" in call.operation:
        name = parameters.get("DashboardName") or parameters["DashboardNames.member.1"]
        return [Permission(action, _arn("cloudwatch", f"dashboard/{name}", region=""))]
    if call.operation in ("DescribeAlarms", "GetMetricData"):
        return [Permission(action, "*")]
    resource = parameters.get("ResourceARN") or _arn(
        "cloudwatch", f"alarm:{parameters.get('AlarmName') or parameters['AlarmNames.member.1']}"
    )
    created = [] if "ResourceARN" in parameters else _tagged(call, "cloudwatch:TagResource", resource)
    return [Permission(action, resource), *created]


def _logs(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    if call.operation == "DescribeLogGroups":
        return [Permission("logs:DescribeLogGroups", "*")]
    resource = parameters.get("resourceArn") or _arn("logs", f"log-group:{parameters['logGroupName']}")
    created = _tagged(call, "logs:TagResource", resource) if call.operation == "CreateLogGroup" else []
    return [Permission(f"logs:{call.operation}", resource), *created]


def _cognito(call: ApiCall) -> list[Permission]:
    if call.operation == "CreateUserPool":
        pool = _arn("cognito-idp", "userpool/new")
        return [
            Permission("cognito-idp:CreateUserPool", "*"),
            *_tagged(call, "cognito-idp:TagResource", pool),
        ]
    parameters = call.parameters
    resource = parameters.get("ResourceArn") or _arn("cognito-idp", f"userpool/{parameters['UserPoolId']}")
    return [Permission(f"cognito-idp:{call.operation}", resource)]


def _dynamodb(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    resource = parameters.get("ResourceArn") or _arn("dynamodb", f"table/{parameters['TableName']}")
    created = _tagged(call, "dynamodb:TagResource", resource) if call.operation == "CreateTable" else []
    return [Permission(f"dynamodb:{call.operation}", resource), *created]


def _iam(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    resource = _arn("iam", f"role/{parameters['RoleName']}", region="")
    created = _tagged(call, "iam:TagRole", resource) if call.operation == "CreateRole" else []
    return [Permission(f"iam:{call.operation}", resource), *created]


def _kinesis(call: ApiCall) -> list[Permission]:
    action = f"kinesis:{call.operation}"
    if call.operation == "DescribeLimits":
        return [Permission(action, "*")]  # the reference gives it no resource
    parameters = call.parameters
    resource = parameters.get("StreamARN") or _arn("kinesis", f"stream/{parameters['StreamName']}")
    return [Permission(action, resource), *_tagged(call, "kinesis:AddTagsToStream", resource)]


def _kms(call: ApiCall) -> list[Permission]:
    key = call.parameters.get("KeyId")
    if key is None:
        return [Permission("kms:CreateKey", "*"), *_tagged(call, "kms:TagResource", "*")]
    kind = key if key.startswith("alias/") else f"key/{key}"
    return [Permission(f"kms:{call.operation}", key if key.startswith("arn:") else _arn("kms", kind))]


def _lambda(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    action = f"lambda:{call.operation}"
    if "/tags/" in call.path:
        return [Permission(action, unquote(call.path.partition("/tags/")[2]))]
    if "/event-source-mappings" in call.path:
        return _event_source_mapping(call, action, parameters)
    name = unquote(call.path.partition("/functions/")[2].partition("/")[0]) or parameters["FunctionName"]
    resource = name if name.startswith("arn:") else _arn("lambda", f"function:{name}")
    permissions = [Permission(action, resource)]
    if call.operation == "CreateFunction":
        permissions += _tagged(call, "lambda:TagResource", resource)
    if "Role" in parameters:
        passed = {"iam:passedtoservice": "lambda.amazonaws.com"}
        permissions.append(Permission("iam:PassRole", parameters["Role"], passed))
    code = parameters.get("Code", parameters)
    if "S3Bucket" in code:
        permissions.append(Permission("s3:GetObject", f"arn:aws:s3:::{code['S3Bucket']}/{code['S3Key']}"))
    return permissions


def _event_source_mapping(call: ApiCall, action: str, parameters: dict[str, Any]) -> list[Permission]:
    identifier = call.path.partition("/event-source-mappings/")[2]
    resource = _arn("lambda", f"event-source-mapping:{identifier}") if identifier else "*"
    keys = {}
    if "FunctionName" in parameters:
        keys["lambda:functionarn"] = parameters["FunctionName"]
    new = _arn("lambda", "event-source-mapping:new")
    created = _tagged(call, "lambda:TagResource", new) if call.operation.startswith("Create") else []
    return [Permission(action, resource, keys), *created]


_S3_ACTIONS = {
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}


def _s3(call: ApiCall) -> list[Permission]:
    bucket, _, key = unquote(call.path).lstrip("/").partition("/")
    action = _S3_ACTIONS.get(call.operation, call.operation)
    if call.operation in ("DeleteObject", "GetObject") and "versionId=" in call.url:
        action += "Version"
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    tagging = [Permission("s3:PutObjectTagging", resource)] if call.has_tagging_header else []
    return [Permission(f"s3:{action}", resource), *tagging]


def _scheduler(call: ApiCall) -> list[Permission]:
    name = unquote(call.path.removeprefix("/schedules/"))
    permissions = [Permission(f"scheduler:{call.operation}", _arn("scheduler", f"schedule/default/{name}"))]
    if target := call.parameters.get("Target"):
        passed = {"iam:passedtoservice": "scheduler.amazonaws.com"}
        permissions.append(Permission("iam:PassRole", target["RoleArn"], passed))
    return permissions


def _sns(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    action = f"sns:{call.operation}"
    if "SubscriptionArn" in parameters:
        return [Permission(action, "*")]  # the reference gives these actions no resource
    resource = parameters.get("TopicArn") or parameters.get("ResourceArn") or _arn("sns", parameters["Name"])
    created = _tagged(call, "sns:TagResource", resource) if call.operation == "CreateTopic" else []
    return [Permission(action, resource), *created]


def _sqs(call: ApiCall) -> list[Permission]:
    parameters = call.parameters
    name = parameters.get("QueueName") or parameters["QueueUrl"].rpartition("/")[2]
    return [Permission(f"sqs:{call.operation}", _arn("sqs", name))]


def _sts(call: ApiCall) -> list[Permission]:
    return []  # GetCallerIdentity takes no permission


_SERVICES: dict[str, Callable[[ApiCall], list[Permission]]] = {
    "ApiGatewayV2": _api_gateway,
    "Budgets": _budgets,
    "CloudWatch": _cloudwatch,
    "CloudWatch Logs": _logs,
    "Cognito Identity Provider": _cognito,
    "DynamoDB": _dynamodb,
    "IAM": _iam,
    "KMS": _kms,
    "Kinesis": _kinesis,
    "Lambda": _lambda,
    "S3": _s3,
    "Scheduler": _scheduler,
    "SNS": _sns,
    "SQS": _sqs,
    "STS": _sts,
}
