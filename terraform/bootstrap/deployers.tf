# IAM roles for GitHub Actions, with OpenID Connect instead of access keys. Each environment has two roles: `deploy` for jobs
# of the GitHub environment with the same name, and `plan`, read-only, for pull requests.
# https://docs.github.com/en/actions/security-for-github-actions/security-hardening-your-deployments/configuring-openid-connect-in-amazon-web-services
locals {
  account   = data.aws_caller_identity.current.account_id
  regional  = "${var.aws_region}:${local.account}"
  read_only = "^[0-9a-z-]+:(Get|GET|List|Describe|Filter|View)"

  issuer          = "token.actions.githubusercontent.com"
  github_provider = one(concat(aws_iam_openid_connect_provider.github[*].arn, data.aws_iam_openid_connect_provider.github[*].arn))

  # The subject of GitHub's tokens. Its ids differ when another owner or repository takes over a name.
  # https://docs.github.com/en/actions/reference/openid-connect-reference#immutable-subject-claims
  names = split("/", var.github_repository == null ? "/" : var.github_repository)
  repository = (
    var.github_subject_without_ids ? join("/", local.names) :
    "${local.names[0]}@${var.github_owner_id}/${local.names[1]}@${var.github_repository_id}"
  )
  deployed = var.github_repository == null ? [] : var.environments
  subjects = { for name in local.deployed : name => "repo:${local.repository}:environment:${name}" }

  # The calls of Terraform and of scripts/, by resources. `#` stands for session-service-<environment>.
  calls = {
    functions = {
      resources = ["arn:aws:lambda:${local.regional}:function:#-*"]
      actions = [
        "lambda:AddPermission", "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction",
        "lambda:DeleteFunctionEventInvokeConfig", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionConfiguration", "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListTags",
        "lambda:ListVersionsByFunction", "lambda:PublishVersion", "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission",
        "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateAlias", "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
      ]
    }
    # The id of an event source mapping is random, so its ARN does not name the environment.
    streams = {
      resources = ["arn:aws:lambda:${local.regional}:event-source-mapping:*"]
      actions   = ["lambda:DeleteEventSourceMapping", "lambda:GetEventSourceMapping", "lambda:ListTags", "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateEventSourceMapping"]
    }
    # Schedules have no tags.
    schedules = {
      resources = ["arn:aws:scheduler:${local.regional}:schedule/default/#-*"]
      actions   = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    }
    roles = {
      resources = ["arn:aws:iam::${local.account}:role/#-*"]
      actions = [
        "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:PutRolePolicy",
        "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      ]
    }
    tables = {
      resources = ["arn:aws:dynamodb:${local.regional}:table/#-*"]
      actions = [
        "dynamodb:CreateTable", "dynamodb:DeleteTable", "dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive", "dynamodb:ListTagsOfResource", "dynamodb:TagResource", "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups", "dynamodb:UpdateTable", "dynamodb:UpdateTimeToLive",
      ]
    }
    # Deployments create and destroy the audio stream, and do not read or write its records.
    audio = {
      resources = ["arn:aws:kinesis:${local.regional}:stream/#-audio"]
      actions = [
        "kinesis:AddTagsToStream", "kinesis:CreateStream", "kinesis:DeleteStream", "kinesis:DescribeStreamSummary",
        "kinesis:IncreaseStreamRetentionPeriod", "kinesis:ListTagsForStream", "kinesis:RemoveTagsFromStream",
        "kinesis:StartStreamEncryption",
      ]
    }
    logs = {
      resources = ["arn:aws:logs:${local.regional}:log-group:/aws/lambda/#-*", "arn:aws:logs:${local.regional}:log-group:/aws/apigateway/#*"]
      actions = [
        "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DeleteRetentionPolicy",
        "logs:DescribeLogStreams", "logs:DescribeMetricFilters", "logs:FilterLogEvents", "logs:GetLogEvents",
        "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource", "logs:UntagResource",
      ]
    }
    buckets = {
      resources = [
        "arn:aws:s3:::#-artifacts-${local.account}", "arn:aws:s3:::#-failed-captions-${local.account}",
        "arn:aws:s3:::#-failed-records-${local.account}", "arn:aws:s3:::#-voice-${local.account}",
      ]
      actions = [
        "s3:CreateBucket", "s3:DeleteBucket", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS",
        "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock",
        "s3:GetBucketRequestPayment", "s3:GetBucketTagging", "s3:GetBucketVersioning", "s3:GetBucketWebsite",
        "s3:GetEncryptionConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
        "s3:ListBucketVersions", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
    }
    zips = {
      resources = ["arn:aws:s3:::#-artifacts-${local.account}/*"]
      actions = [
        "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging",
      ]
    }
    # For destroying an environment. Deployments do not read or write failed records and voices.
    failed_records = {
      resources = [
        "arn:aws:s3:::#-failed-captions-${local.account}/*", "arn:aws:s3:::#-failed-records-${local.account}/*",
        "arn:aws:s3:::#-voice-${local.account}/*",
      ]
      actions = ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    }
    alarms = {
      resources = [
        "arn:aws:cloudwatch:${local.regional}:alarm:#-*", "arn:aws:cloudwatch::${local.account}:dashboard/#*",
        "arn:aws:sns:${local.regional}:#-*", "arn:aws:budgets::${local.account}:budget/#*",
      ]
      actions = [
        "budgets:ListTagsForResource", "budgets:ModifyBudget", "budgets:TagResource", "budgets:UntagResource", "budgets:ViewBudget",
        "cloudwatch:DeleteAlarms", "cloudwatch:DeleteDashboards", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
        "cloudwatch:PutCompositeAlarm", "cloudwatch:PutDashboard", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource",
        "cloudwatch:UntagResource", "sns:CreateTopic", "sns:DeleteTopic", "sns:GetTopicAttributes", "sns:ListTagsForResource",
        "sns:SetTopicAttributes", "sns:Subscribe", "sns:TagResource", "sns:UntagResource",
      ]
    }
    # The ids of APIs and user pools are random, so their ARNs do not name the environment.
    apis = {
      resources = ["arn:aws:apigateway:${var.aws_region}::/apis", "arn:aws:apigateway:${var.aws_region}::/apis/*", "arn:aws:apigateway:${var.aws_region}::/tags/*"]
      actions   = ["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT", "apigateway:TagResource", "apigateway:UntagResource"]
    }
    pools = {
      resources = ["arn:aws:cognito-idp:${local.regional}:userpool/*"]
      actions = [
        "cognito-idp:AdminCreateUser", "cognito-idp:AdminDeleteUser", "cognito-idp:AdminInitiateAuth", "cognito-idp:AdminSetUserPassword",
        "cognito-idp:CreateUserPoolClient", "cognito-idp:DeleteUserPool", "cognito-idp:DeleteUserPoolClient", "cognito-idp:DescribeUserPool",
        "cognito-idp:DescribeUserPoolClient", "cognito-idp:GetUserPoolMfaConfig", "cognito-idp:SetUserPoolMfaConfig",
        "cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:UpdateUserPool", "cognito-idp:UpdateUserPoolClient",
      ]
    }
    # These actions have no resource types.
    # https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
    anywhere = {
      resources = ["*"]
      actions = [
        "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cognito-idp:CreateUserPool", "kinesis:DescribeLimits",
        "lambda:ListFunctions",
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        "sns:GetSubscriptionAttributes", "sns:Unsubscribe",
      ]
    }
  }

  # Actions that need a condition.
  conditional = {
    for name in local.deployed : name => [
      {
        Effect    = "Allow"
        Action    = "iam:PassRole"
        Resource  = "arn:aws:iam::${local.account}:role/session-service-${name}-*"
        Condition = { StringEquals = { "iam:PassedToService" = ["lambda.amazonaws.com", "scheduler.amazonaws.com"] } }
      },
      {
        Effect    = "Allow"
        Action    = "lambda:CreateEventSourceMapping"
        Resource  = "*"
        Condition = { ArnLike = { "lambda:FunctionArn" = "arn:aws:lambda:${local.regional}:function:session-service-${name}-*" } }
      },
      # The first API of an account creates this role.
      # https://docs.aws.amazon.com/apigateway/latest/developerguide/using-service-linked-roles.html
      {
        Effect    = "Allow"
        Action    = "iam:CreateServiceLinkedRole"
        Resource  = "arn:aws:iam::${local.account}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
        Condition = { StringEquals = { "iam:AWSServiceName" = "ops.apigateway.amazonaws.com" } }
      },
    ]
  }

  # Reading the state of an environment.
  state = {
    for name in local.deployed : name => [
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [module.state.arn] },
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${module.state.arn}/session-service/${name}.tfstate"] },
    ]
  }
}

# An account has at most one provider for GitHub, which other projects of the account may use too.
resource "aws_iam_openid_connect_provider" "github" {
  count = length(local.deployed) > 0 && !var.github_provider_exists ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_openid_connect_provider" "github" {
  count = length(local.deployed) > 0 && var.github_provider_exists ? 1 : 0

  url = "https://${local.issuer}"

  lifecycle {
    postcondition {
      condition     = contains(self.client_id_list, "sts.amazonaws.com")
      error_message = "The account's provider for GitHub does not accept the audience sts.amazonaws.com. Add it."
    }
  }
}

resource "aws_iam_role" "deploy" {
  for_each = local.subjects

  name                 = "session-service-deploy-${each.key}"
  description          = "Deploys ${each.key}. For jobs of the GitHub environment ${each.key}."
  max_session_duration = 2 * 60 * 60 # seconds; a rollout in steps may take this long

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.github_provider }
      Condition = { StringEquals = { "${local.issuer}:aud" = "sts.amazonaws.com", "${local.issuer}:sub" = each.value } }
    }]
  })
}

resource "aws_iam_role_policy" "deploy" {
  for_each = local.subjects

  name = "deploy"
  role = aws_iam_role.deploy[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for call in local.calls : {
          Effect   = "Allow"
          Action   = call.actions
          Resource = [for resource in call.resources : replace(resource, "#", "session-service-${each.key}")]
        }
      ],
      local.conditional[each.key],
      local.state[each.key],
      [
        { Effect = "Allow", Action = ["s3:PutObject"], Resource = ["${module.state.arn}/session-service/${each.key}.tfstate"] },
        {
          Effect   = "Allow"
          Action   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
          Resource = ["${module.state.arn}/session-service/${each.key}.tfstate.tflock"]
        },
      ],
    )
  })
}

resource "aws_iam_role" "plan" {
  for_each = local.subjects

  name        = "session-service-plan-${each.key}"
  description = "Plans ${each.key} for pull requests. Read-only, so it cannot lock the state."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.github_provider }
      Condition = {
        StringEquals = { "${local.issuer}:aud" = "sts.amazonaws.com", "${local.issuer}:sub" = "repo:${local.repository}:pull_request" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "plan" {
  for_each = local.subjects

  name = "plan"
  role = aws_iam_role.plan[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        for call in local.calls : {
          Effect   = "Allow"
          Action   = [for action in call.actions : action if can(regex(local.read_only, action))]
          Resource = [for resource in call.resources : replace(resource, "#", "session-service-${each.key}")]
        } if anytrue([for action in call.actions : can(regex(local.read_only, action))])
      ],
      local.state[each.key],
    )
  })
}
